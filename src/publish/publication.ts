/**
 * A publication: what a publisher's key signs to change what decides, or what is tried beside it. Whoever has such a
 * key may do so and nobody else; who they are besides, and why, they say themselves.
 */
import { compactVerify, createLocalJWKSet } from "jose"
import * as z from "zod"
import type { Config } from "../config.ts"
import { HISTORY_TYPE, PUBLICATION_TYPES, PUBLISHINGS, type Pointer, type Publishing } from "../policy/bundle.ts"

/** Of requests by a publisher. */
export const PUBLICATION_HEADER = "X-Narrowgate-Publication"

export interface Publication extends Pointer {
  readonly what: Publishing
  /** Milliseconds, by the publisher's clock. */
  readonly at: number
  readonly by: string
  readonly why: string
  /** Of the key that signed it. */
  readonly kid: string
  /** As it was signed: what stands in KV. */
  readonly jws: string
}

const line = (max: number): z.ZodString => z.string().trim().min(1).max(max)
const statement = z.object({
  seq: z.int().min(1),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  by: line(256),
  why: line(1_024),
})
/** `aud`: the URL of the Worker that it is for. `iat`: seconds. */
const envelope = z.object({ aud: z.string(), iat: z.int().positive() })

/** A statement is taken so long after it was made, and before: clocks differ. */
const FRESH_MS = 300_000
const MAX_LENGTH = 8_192

/** @returns null where no publisher's key has signed it, lately, as a publication */
export async function readPublication(jws: string, config: Config, now: number): Promise<Publication | null> {
  const signed = await readSigned(jws, config, now)
  const what = PUBLISHINGS.find((each) => PUBLICATION_TYPES[each] === signed?.typ)
  const said = statement.safeParse(signed?.said)
  if (!signed || !what || !said.success) return null
  const { seq, digest, by, why } = said.data
  return { what, seq, digest, at: signed.at, by, why, kid: signed.kid, jws }
}

/** As records name them. */
export const publisherOf = ({ kid }: Pick<Publication, "kid">): string => `publisher|${kid}`

/** Who asks what was published, by the `kid` of their key; null: no publisher. */
export async function readHistoryQuestion(
  jws: string,
  config: Config,
  now: number,
): Promise<Pick<Publication, "kid"> | null> {
  const signed = await readSigned(jws, config, now)
  return signed?.typ === HISTORY_TYPE ? { kid: signed.kid } : null
}

interface Signed {
  readonly typ: string | undefined
  readonly kid: string
  /** Milliseconds. */
  readonly at: number
  readonly said: unknown
}

async function readSigned(jws: string, { publisherKeys, issuer }: Config, now: number): Promise<Signed | null> {
  if (jws.length > MAX_LENGTH) return null
  try {
    const keys = createLocalJWKSet({ keys: [...publisherKeys.keys] })
    const { payload, protectedHeader } = await compactVerify(jws, keys, { algorithms: ["ES256"] })
    const { typ, kid } = protectedHeader
    const said: unknown = JSON.parse(new TextDecoder().decode(payload))
    const { aud, iat } = envelope.parse(said)
    const at = iat * 1000
    // One key may publish to several Workers; what was signed for one is nothing to another.
    const isOurs = aud === issuer && Math.abs(now - at) <= FRESH_MS
    return kid !== undefined && isOurs ? { typ, kid, at, said } : null
  } catch {
    return null
  }
}
