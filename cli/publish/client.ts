/**
 * Publishing: signs what is to become of a bundle and brings both to a Worker. Numbers only grow; so two who publish at
 * once never overwrite each other unseen.
 */
import type { JWK } from "jose"
import { z } from "zod"
import type { Pointer, Publishing } from "../../src/policy/bundle.ts"
import { Failure } from "../failure.ts"
import { signPublication, type Said } from "../policies/sign.ts"
import { reach } from "../worker.ts"
import { head, published, type Published } from "./published.ts"

const ready = z.object({ bundle: z.object({ seq: z.number(), digest: z.string() }) })
const metadata = z.object({ issuer: z.string() })
const refusal = z.object({ error: z.string(), error_description: z.string() })

export interface Publish {
  /** Origin of the Worker. */
  readonly url: string
  readonly key: JWK
  readonly what: Publishing
  readonly digest: string
  /** Absent: the Worker has it. */
  readonly bytes?: Uint8Array<ArrayBuffer>
  readonly said: Omit<Said, "aud">
  /** Number of the publication that may be replaced though it came since this began; absent: none may. */
  readonly over?: number | "any"
}

/** Of a large bundle over a slow line. */
const TIMEOUT_MS = 120_000
/** Others may publish meanwhile; who is outrun more often than that should look. */
const MAX_TRIES = 5

/** What a Worker decides by now, as far as it says without being asked by an operator. */
export async function liveAt(url: string): Promise<Pointer | null> {
  return reach(url, async () => {
    const response = await fetch(new URL("/readyz", url), { redirect: "error", signal: AbortSignal.timeout(10_000) })
    const read = ready.safeParse(await response.json().catch(() => null))
    return response.ok && read.success ? read.data.bundle : null
  })
}

/** The URL by which a Worker calls itself, wherever it is reached. */
export async function issuerAt(url: string): Promise<string> {
  return reach(url, async () => {
    const where = new URL("/.well-known/oauth-authorization-server", url)
    const response = await fetch(where, { redirect: "error", signal: AbortSignal.timeout(10_000) })
    const read = metadata.safeParse(await response.json().catch(() => null))
    if (response.ok && read.success) return read.data.issuer
    throw new Failure(`${url} does not say who it is`, "Check that `--url` is a Narrowgate Worker.")
  })
}

/** Fails with a mend where the Worker refuses, or where somebody else has published since it was asked what is live. */
export async function publishTo(asked: Publish): Promise<Published> {
  const { url, over } = asked
  const aud = await issuerAt(url)
  const before = await liveAt(url)
  let seq = (before?.seq ?? 0) + 1
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const answer = await send(asked, aud, seq)
    if (!("outrun" in answer)) return answer
    const { live, seq: highest } = answer.outrun
    const isExpected = live === null || live.seq <= (before?.seq ?? 0) || over === "any" || over === live.seq
    if (!isExpected) throw outrunBy(live)
    seq = highest + 1
  }
  throw new Failure("others keep publishing", "Look at `narrowgate history`, and try again.")
}

function outrunBy({ seq, by, why, at }: Published): Failure {
  const when = new Date(at).toISOString()
  return new Failure(
    `bundle ${seq} was published meanwhile, ${when}, by ${JSON.stringify(by)}: ${JSON.stringify(why)}`,
    `Look at it (narrowgate history); to replace it all the same, add --over ${seq}.`,
  )
}

type Answer = Published | { readonly outrun: z.infer<typeof head> }

async function send({ url, key, what, digest, bytes, said }: Publish, aud: string, seq: number): Promise<Answer> {
  const publication = await signPublication(key, { seq, digest }, { aud, ...said }, what)
  return reach(url, async () => {
    const response = await fetch(new URL("/v1/bundles", url), {
      method: "POST",
      headers: { "X-Narrowgate-Publication": publication, "Content-Type": "application/json" },
      ...(bytes === undefined ? {} : { body: bytes }),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const answer: unknown = await response.json().catch(() => null)
    const done = published.safeParse(answer)
    if (response.ok && done.success) return done.data
    const late = head.safeParse(answer)
    if (response.status === 409 && late.success) return { outrun: late.data }
    throw refused(response.status, answer)
  })
}

const MENDS: Readonly<Record<number, string>> = {
  400: "Build it with the version of narrowgate that is deployed.",
  401: "Check that PUBLISHER_KEYS of the Worker has the public half of this key, and that this clock is right.",
  404: "Check the address; a Worker of before this version cannot be published to.",
  503: "Nothing has changed: try again in a moment.",
}

function refused(status: number, answer: unknown): Failure {
  const told = refusal.safeParse(answer)
  const why = told.success ? told.data.error_description : "in a shape that is not known"
  return new Failure(`the Worker answered ${status}: ${why}`, MENDS[status] ?? "Look at the Worker's log.")
}
