/**
 * Pages of a search. A token holds the candidate after which the search continues and the number of results of a page.
 * It is bound to the request and to its client, by a digest over all of it with the hash of the client's key. It gives
 * access to nothing, as its holder may make the same search from the start. It is checked so that a mix-up becomes an
 * error.
 */
import * as z from "zod"
import { textOf } from "../../platform/request-body.ts"
import { canonicalText } from "../../core/encoding/canonical-json.ts"
import { sha256Base64url } from "../../core/encoding/hash.ts"
import type { Page } from "./question.ts"

/** The default of `limit`, and its maximum, to which a larger `limit` is reduced. */
const DEFAULT_RESULTS = 100
const MAX_RESULTS = 1_000

export interface Span {
  /** After this candidate; null: from the first. */
  readonly after: string | null
  readonly limit: number
}

/** The request of a search without its `page`, and the hash of the client's key. */
export interface Bound {
  readonly question: unknown
  readonly keyHash: string
}

const positionSchema = z.tuple([z.string().nullable(), z.int().min(0).max(MAX_RESULTS), z.string()])

/** Returns null if the token is malformed, belongs to another request or client, or was issued for another `limit`. */
export function spanOf({ token, limit }: Page, bound: Bound): Span | null {
  // The last page has an empty token.
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
