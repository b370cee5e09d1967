/**
 * A publication: what a publisher's key signs to change the live bundle or its candidate. Only the holder of such a key
 * may do so; the holder's name and reason are as the statement gives them.
 */
import { compactVerify, createLocalJWKSet } from "jose"
import * as z from "zod"
import type { Config } from "../platform/config.ts"
import { prepared } from "../platform/prepared-schema.ts"
import { PUBLICATION_TYPES, PUBLISHINGS, type Pointer, type Publishing } from "../core/policy/bundle.ts"

export interface Publication extends Pointer {
  readonly what: Publishing
  /** Milliseconds since the epoch, by the publisher's clock. */
  readonly at: number
  readonly by: string
  readonly why: string
  /** Of the key that signed it. */
  readonly kid: string
  /** As it was signed, and is stored in KV. */
  readonly jws: string
}

/** What a publisher's key has signed for this Worker. */
export interface Statement {
  readonly typ: string | undefined
  readonly kid: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly claims: unknown
}

const line = (max: number): z.ZodString => z.string().trim().min(1).max(max)
const publicationClaims = prepared(
  z.object({ seq: z.int().min(1), digest: z.string().regex(/^[0-9a-f]{64}$/), by: line(256), why: line(1_024) }),
  { seq: 1, digest: "0".repeat(64), by: "-", why: "-" },
)
/** `aud`: the `ISSUER` of the Worker that it is for. `iat`: seconds. */
const envelope = prepared(z.object({ aud: z.string(), iat: z.int().positive() }), { aud: "-", iat: 1 })

const MAX_LENGTH = 8_192

/** Throws if no publisher's key has signed it for this Worker. */
export async function readStatement(jws: string, { publisherKeys, issuer }: Config): Promise<Statement> {
  if (jws.length > MAX_LENGTH) throw new Error("the statement is too long")
  const keys = createLocalJWKSet({ keys: [...publisherKeys.keys] })
  const { payload, protectedHeader } = await compactVerify(jws, keys, { algorithms: ["ES256"] })
  const { typ, kid } = protectedHeader
  const claims: unknown = JSON.parse(new TextDecoder().decode(payload))
  const { aud, iat } = envelope.parse(claims)
  // One key may publish to several Workers: a statement for one of them changes nothing at another.
  if (aud !== issuer) throw new Error("the statement is for another Worker")
  if (kid === undefined) throw new Error("the statement names no key")
  return { typ, kid, at: iat * 1000, claims }
}

/** Null if the statement is no publication. */
export function publicationOf({ typ, kid, at, claims }: Statement, jws: string): Publication | null {
  const what = PUBLISHINGS.find((each) => PUBLICATION_TYPES[each] === typ)
  const read = publicationClaims.safeParse(claims)
  if (!what || !read.success) return null
  const { seq, digest, by, why } = read.data
  return { what, seq, digest, at, by, why, kid, jws }
}

/**
 * Reads a statement from KV or the object of publications. Throws unless a publisher's key has signed it for this
 * Worker and this very purpose: with write access to KV, an attacker could put there what was signed for another
 * Worker.
 */
export async function verifyPublication(jws: string, config: Config, what: Publishing): Promise<Publication> {
  const publication = publicationOf(await readStatement(jws, config), jws)
  if (publication?.what !== what) throw new Error(`the statement is no ${what}`)
  return publication
}
