/**
 * `POST /v1/bundles`: a publisher replaces the live bundle, or the candidate that is evaluated beside it. A header
 * carries the statement that the publisher's key has signed; the request's body is the bundle's, unless it is already
 * stored. No bundle is needed, because the first one arrives in this way.
 */
import { boundedBytes, textOf } from "../platform/request-body.ts"
import { logEvent } from "../platform/log.ts"
import { assemble, type Bundle } from "../core/policy/assemble.ts"
import { digestOf } from "../core/policy/digest.ts"
import {
  loopbackAccess,
  refusedDestinations,
  type Destination,
  type LoopbackAccess,
} from "../core/policy/destinations.ts"
import type { Publication } from "../bundles/signed-publication.ts"
import { bodyKey, withTimeout } from "../bundles/store.ts"
import { bucketBinding, bucketsOf } from "../core/policy/definition/sinks.ts"
import { bucketOf } from "../export/destinations/r2.ts"
import { applySinks } from "../export/subscriptions.ts"
import { publications } from "../bundles/publications.ts"
import { CONTRACT } from "./contract/contract.ts"
import type { Handler } from "./handler.ts"
import type { ApiError } from "./outcome.ts"

const OUTCOME_UNKNOWN = {
  error: "unavailable",
  description: "It is not certain whether KV has it: send the same statement again, or another.",
} as const

const rejected = (description: string): ApiError<"invalid_request"> => ({
  error: "invalid_request",
  description,
  denial: { reason: "request_malformed", what: description },
})

export const publishBundle: Handler<"publishBundle"> = async ({
  request,
  caller: publication,
  context: { env, config, background },
}) => {
  try {
    const object = publications(env)
    // The number is checked before the body is read: an outrun publication would be rejected after it, too.
    const head = await object.head()
    if (publication.seq < head.seq) return outrun(head)
    const bundle =
      publication.what === "withdrawal" ? null : await placeBody(publication, request, env, loopbackAccess(config))
    if (bundle && "error" in bundle) return bundle
    const outcome = await object.publish(publication)
    if ("unavailable" in outcome) return OUTCOME_UNKNOWN
    if ("tooFar" in outcome) return rejected(`The number is too far above ${outcome.tooFar.seq}, the highest so far.`)
    if ("outrun" in outcome) return outrun(outcome.outrun)
    const { what, seq, digest } = publication
    if (bundle && what === "pointer") background(applySinks(env, { sinks: bundle.sinks, pointer: { seq, digest } }))
    return { answer: outcome.published }
  } catch (error) {
    logEvent("publishing_failed", { seq: publication.seq, error: String(error) })
    return OUTCOME_UNKNOWN
  }
}

const outrun = (head: { readonly seq: number }): ApiError<"outrun"> => ({
  error: "outrun",
  description: "There is a publication of this number or a higher one.",
  denial: { reason: "outrun", seq: head.seq },
  members: head,
})

/**
 * Stores the bundle's body and returns the bundle, or returns the error. A body must be readable by this Worker, and stored
 * before a pointer names it. What its sinks need must be there too, and nothing may be named that this Worker never
 * requests, unless an earlier bundle is made live again: going back must always be possible.
 */
async function placeBody(
  publication: Publication,
  request: Request,
  env: Env,
  access: LoopbackAccess,
): Promise<Bundle | ApiError<"invalid_request">> {
  const { BUNDLES: kv } = env
  const sent = request.body && (await boundedBytes(request, CONTRACT.publishBundle.body.maxBytes))
  if (request.body && !sent) return rejected("The body is too long, or did not come in time.")
  const bytes = sent && sent.length > 0 ? sent : await storedBody(kv, publication.digest)
  if (!bytes) return rejected("There is no body of this digest: send it along.")
  if ((await digestOf(bytes)) !== publication.digest) return rejected("The digest that was signed is not the body's.")
  const bundle = readBundle(bytes, publication)
  if ("error" in bundle || bytes !== sent) return bundle
  const unbound = bucketsOf(bundle.sinks).find((bucket) => !bucketOf(env, bucket))
  if (unbound !== undefined) return rejected(withoutBucket(unbound))
  const refused = refusedDestinations(bundle, access)
  if (refused.length > 0) return rejected(withRefused(refused))
  await kv.put(bodyKey(publication.digest), bytes.buffer)
  return bundle
}

const withoutBucket = (bucket: string): string =>
  `A sink writes to the R2 bucket ${bucket}, and this Worker has no binding ${bucketBinding(bucket)} to it: \`narrowgate deploy\` writes it.`

/** In a message; the others are like these. */
const MOST_NAMED = 5

function withRefused(refused: readonly Destination[]): string {
  const named = refused.slice(0, MOST_NAMED).map(({ kind, id, url }) => `${kind} ${id} (${url})`)
  const more = refused.length > MOST_NAMED ? `, and ${refused.length - MOST_NAMED} more` : ""
  return `This Worker never requests what the bundle names: ${named.join(", ")}${more}. It requests public https hosts; of its own machine sinks and receivers if \`outbound_networks\` of \`narrowgate serve\` allows it, and issuers in a local stack or a trial only.`
}

function readBundle(bytes: Uint8Array, publication: Publication): Bundle | ApiError<"invalid_request"> {
  try {
    const bundle = assemble(textOf(bytes) ?? "", publication)
    readAll(bundle)
    return bundle
  } catch (error) {
    return rejected(`This Worker cannot read the bundle: ${String(error).slice(0, 512)}`)
  }
}

/**
 * Reads every part of a bundle, which an isolate otherwise does when it first needs the part: here the publisher still
 * learns of an error.
 */
function readAll({ engine, catalog, agents }: Bundle): void {
  engine.compileAll()
  for (const parts of [catalog.tools, agents]) for (const _part of parts.values());
}

async function storedBody(kv: KVNamespace, digest: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const stored = await withTimeout(kv.get(bodyKey(digest), "arrayBuffer"))
  return stored && new Uint8Array(stored)
}
