/**
 * Publishing as the command line does: body under its digest, pointer signed by the publisher whom the Worker trusts.
 */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { decodeJwt } from "jose"
import { inject } from "vitest"
import { z } from "zod"
import { signPointer } from "./publisher.ts"
import type { BundleBody, Pointer } from "../../src/core/policy/bundle.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { bodyKey, POINTER_KEY } from "../../src/bundles/store.ts"
import { publications } from "../../src/bundles/publications.ts"
import { withGatewayKeys } from "./gateways.ts"
import { withIssuerKeys } from "./issuers.ts"
import { withStreamKeys } from "./streams.ts"

/** Made once: keys and policies are the same throughout a run, and each test publishes this one. */
let ofThisRun: BundleBody | null = null

/** The tests' own policies, with keys of this run. */
export async function yard(): Promise<BundleBody> {
  return (ofThisRun ??= withStreamKeys(withGatewayKeys(withIssuerKeys(inject("yard")))))
}

/** An archive's, which asks by AuthZEN what policy says, with keys of this run. */
export function archive(): BundleBody {
  return withGatewayKeys(inject("archive"))
}

/** `policies/`, with keys of this run. */
export async function starter(): Promise<BundleBody> {
  return withGatewayKeys(withIssuerKeys(inject("starter")))
}

/** Agents act for the people of the main provider by their address, where their login has a subject besides: they have two names. */
export function byAddress(body: BundleBody): BundleBody {
  const issuers = body.issuers.map((issuer) => {
    const { users, assertions } = issuer
    if (issuer.id !== "idp" || !users || !assertions) return issuer
    const claims = { ...users.claims, subject: ["email"] } as const
    return { ...issuer, users: { ...users, claims }, assertions: { ...assertions, claims } }
  })
  return { ...body, issuers }
}

interface Written {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly digest: string
}

/** The yard is published before each test: it is written out once. */
const written = new WeakMap<BundleBody, Promise<Written>>()

async function writtenOut(body: BundleBody): Promise<Written> {
  const known = written.get(body)
  if (known) return known
  const bytes = canonicalBytes(body)
  const made = digestOf(bytes).then((digest) => ({ bytes, digest }))
  if (body === ofThisRun) written.set(body, made)
  return made
}

export interface Signed {
  readonly pointer: Pointer
  /** What KV holds. */
  readonly entries: ReadonlyMap<string, ArrayBuffer | string>
}

export async function signed(body: BundleBody, seq = 1, what: "pointer" | "candidate" = POINTER_KEY): Promise<Signed> {
  const { bytes, digest } = await writtenOut(body)
  const pointer = { seq, digest }
  const text = await signPointer(inject("publisher"), pointer, what)
  return {
    pointer,
    entries: new Map<string, ArrayBuffer | string>([
      [bodyKey(pointer.digest), bytes.buffer],
      [what, text],
    ]),
  }
}

/**
 * @param seq absent: the next one, as no number is given twice
 * @param what to decide by it, or to try it beside what decides
 */
export async function publish(
  body: BundleBody,
  seq?: number,
  what: "pointer" | "candidate" = POINTER_KEY,
): Promise<Pointer> {
  const { pointer, entries } = await signed(body, seq ?? (await nextSeq(body)), what)
  for (const [key, value] of entries) await env.BUNDLES.put(key, value)
  return pointer
}

async function nextSeq(body: BundleBody): Promise<number> {
  const text = await env.BUNDLES.get(POINTER_KEY)
  if (text === null) return 1
  const { seq, digest } = z.object({ seq: z.number(), digest: z.string() }).parse(decodeJwt(text))
  return digest === (await writtenOut(body)).digest ? seq : seq + 1
}

/**
 * The next isolate is one that looked just before what came after this bundle: neither KV nor the publications showed it
 * anything newer. Only ledgers know better.
 */
export async function showOlder(pointer: Pointer): Promise<void> {
  await env.BUNDLES.put(POINTER_KEY, await signPointer(inject("publisher"), pointer))
  await runInDurableObject(publications(env), (_object, { storage }) => {
    storage.sql.exec("DELETE FROM publications WHERE seq > ?", pointer.seq)
  })
}
