/**
 * Pages of a search. A token says behind which candidate it goes on and how many results a page has, and is bound to
 * the very question, and to whose it is: a digest over all of it, under the hash of the asker's key. It gives nobody
 * anything, as its holder may ask the same search from the start; it is checked so that a mix-up is told, not answered.
 */
import * as z from "zod"
import { textOf } from "../../platform/request-body.ts"
import { canonicalText } from "../../core/encoding/canonical-json.ts"
import { sha256Base64url } from "../../core/encoding/hash.ts"
import type { Page } from "./question.ts"

/** Where no `limit` is given, and the most that one may ask for: a larger one is taken for this. */
const DEFAULT_RESULTS = 100
const MAX_RESULTS = 1_000

export interface Span {
  /** Behind this candidate; null: from the first. */
  readonly after: string | null
  readonly limit: number
}

/** The question of a search without its `page`, and the hash of the key of whoever asks. */
export interface Bound {
  readonly question: unknown
  readonly keyHash: string
}

const positionSchema = z.tuple([z.string().nullable(), z.int().min(0).max(MAX_RESULTS), z.string()])

/** Null: the token is of another question, or of somebody else, or none; or `limit` is not the one it began with. */
export function spanOf({ token, limit }: Page, bound: Bound): Span | null {
  // An empty one is what the last page has.
  if (token === undefined || token === "") {
    return { after: null, limit: Math.min(limit ?? DEFAULT_RESULTS, MAX_RESULTS) }
  }
  const position = positionSchema.safeParse(decoded(token))
  if (!position.success) return null
  const [after, began, digest] = position.data
  const span = { after, limit: began }
  if (digest !== digestOf(span, bound)) return null
  return limit === undefined || Math.min(limit, MAX_RESULTS) === began ? span : null
}

export function tokenOf(span: Span, bound: Bound): string {
  const text = JSON.stringify([span.after, span.limit, digestOf(span, bound)])
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true })
}

function digestOf({ after, limit }: Span, { question, keyHash }: Bound): string {
  return sha256Base64url(canonicalText([keyHash, after, limit, question]) ?? "")
}

function decoded(token: string): unknown {
  try {
    return JSON.parse(textOf(Uint8Array.fromBase64(token, { alphabet: "base64url" })) ?? "")
  } catch {
    return null
  }
}
