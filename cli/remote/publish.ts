/**
 * Signs a publication and sends it, with its bundle, to a Worker. Numbers only grow, so two publishers at once never
 * overwrite each other unnoticed.
 */
import type { JWK } from "jose"
import { z } from "zod"
import type { Pointer, Publishing } from "../../src/core/policy/bundle.ts"
import { printableText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { signHistoryQuestion, signPublication, type PublicationReason } from "../compiler/sign.ts"
import { isLoopback, reach } from "./worker.ts"
import { bundles, publicationHead, type Publication, type PublicationHistory } from "../../src/api/contract/bundles.ts"

const ready = z.object({ bundle: z.object({ seq: z.number(), digest: z.string() }) })
const failureBody = z.object({ error: z.string(), error_description: z.string() })

export interface Publish {
  /** Origin of the Worker. */
  readonly url: string
  readonly key: JWK
  readonly what: Publishing
  readonly digest: string
  /** Absent if the Worker has it. */
  readonly bytes?: Uint8Array<ArrayBuffer>
  readonly reason: Omit<PublicationReason, "aud">
  /** Number of the publication that may be replaced although it appeared meanwhile; absent if none may. */
  readonly over?: number | "any"
  /** Issuer of the Worker, if it differs from the origin of `url`. */
  readonly audience?: string
}

/** For a large bundle over a slow line. Milliseconds. */
const TIMEOUT_MS = 120_000
/** Others may publish meanwhile; after more conflicts than this a person should look. */
const MAX_TRIES = 5

/** Which bundle decides at a Worker, as far as it says so without an operator's token. */
export async function liveAt(url: string): Promise<Pointer | null> {
  return reach(url, async () => {
    const response = await fetch(new URL("/readyz", url), { redirect: "error", signal: AbortSignal.timeout(10_000) })
    const read = ready.safeParse(await response.json().catch(() => null))
    return response.ok && read.success ? read.data.bundle : null
  })
}

/**
 * The audience of a statement: the very address that the user named, never what the server there calls itself, which
 * could pass the statement on to another. It differs only if a Worker is reached by another address than its `ISSUER`.
 */
export function audienceFor(url: string, audience: string | undefined): string {
  if (!isLoopback(url) && new URL(url).protocol !== "https:") {
    throw new Failure(`${url} is not https`, "Name the https URL of the Worker.", EXIT.usage)
  }
  return audience ?? new URL(url).origin
}

/** What was published there, as a publisher sees it, who need not be an operator. */
export async function historyAt(url: string, key: JWK, audience?: string): Promise<PublicationHistory> {
  const question = await signHistoryQuestion(key, audienceFor(url, audience))
  return reach(url, async () => {
    const response = await fetch(new URL(bundles.publishBundle.path, url), {
      headers: { "X-Narrowgate-Publication": question },
      redirect: "error",
      signal: AbortSignal.timeout(10_000),
    })
    const answer: unknown = await response.json().catch(() => null)
    const read = bundles.listPublications.answer().safeParse(answer)
    if (read.success) return read.data
    throw refused(response.status, answer)
  })
}

/**
 * Fails with a fix if the Worker rejects the publication, or if another publisher has published since the live one was
 * read.
 */
export async function publishTo(publication: Publish): Promise<Publication> {
  const { url, key, over, audience } = publication
  const aud = audienceFor(url, audience)
  const before = await historyAt(url, key, audience)
  // A bundle in KV that was not published this way counts as well.
  let seq = Math.max(before.seq, (await liveAt(url))?.seq ?? 0) + 1
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const answer = await send(publication, aud, seq)
    if (answer.published) return answer.published
    const { live, seq: highest } = answer.outrun
    const isExpected = live === null || live.seq === before.live?.seq || over === "any" || over === live.seq
    if (!isExpected) throw outrunBy(live)
    seq = highest + 1
  }
  throw new Failure("others keep publishing", "Look at `narrowgate history`, and try again.")
}

function outrunBy({ seq, by, why, at }: Publication): Failure {
  const when = new Date(at).toISOString()
  return new Failure(
    `bundle ${seq} was published meanwhile, ${when}, by ${JSON.stringify(by)}: ${JSON.stringify(why)}`,
    `Look at it (narrowgate history); to replace it nevertheless, add --over ${seq}.`,
  )
}

type PublishResult =
  | { readonly published: Publication }
  | { readonly published: null; readonly outrun: z.infer<ReturnType<typeof publicationHead>> }

async function send(
  { url, key, what, digest, bytes, reason }: Publish,
  aud: string,
  seq: number,
): Promise<PublishResult> {
  const publication = await signPublication(key, { seq, digest }, { aud, ...reason }, what)
  return reach(url, async () => {
    const response = await fetch(new URL(bundles.publishBundle.path, url), {
      method: "POST",
      headers: { "X-Narrowgate-Publication": publication, "Content-Type": "application/octet-stream" },
      ...(bytes === undefined ? {} : { body: bytes }),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const answer: unknown = await response.json().catch(() => null)
    const done = bundles.publishBundle.answer().safeParse(answer)
    if (response.ok && done.success) return { published: done.data }
    const late = publicationHead().safeParse(answer)
    if (response.status === 409 && late.success) return { published: null, outrun: late.data }
    throw refused(response.status, answer)
  })
}

const FIXES: Readonly<Record<number, string>> = {
  400: "If it cannot read the bundle, build it with the version of narrowgate that is deployed; otherwise do what it says.",
  401: "Check that PUBLISHER_KEYS of the Worker has the public half of this key, that this clock is right, and that its ISSUER is the origin of --url (or add --audience).",
  404: "Check the address; a Worker of before this version cannot be published to.",
  503: "Try again in a moment; `narrowgate history` shows what was interrupted.",
}

function refused(status: number, answer: unknown): Failure {
  const failure = failureBody.safeParse(answer)
  const why = failure.success ? failure.data.error_description : "in a shape that is not known"
  return new Failure(
    `the Worker answered ${status}: ${printableText(why)}`,
    FIXES[status] ?? "Look at the Worker's log.",
  )
}
