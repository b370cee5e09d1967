/**
 * `POST /v1/bundles`: a publisher changes what decides, or what is tried beside it. The statement that their key signed
 * comes in a header, the body of the bundle as the request's, unless it is there already. No bundle is needed for this:
 * it is how the first one comes.
 */
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import { boundedBytes, textOf } from "../platform/request-body.ts"
import { logEvent } from "../platform/log.ts"
import { assemble, type Bundle } from "../core/policy/assemble.ts"
import { digestOf } from "../core/policy/digest.ts"
import type { Publication } from "../bundles/signed-publication.ts"
import { bodyKey, withTimeout } from "../bundles/store.ts"
import { type RequestContext } from "../request-context.ts"
import { PUBLICATION_HEADER, publisherOf, readPublication } from "../bundles/publication.ts"
import { publications } from "../bundles/publications.ts"
import { newId } from "../platform/new-id.ts"
import { rawTarget } from "../platform/raw-target.ts"

/** KV takes no longer value. */
const MAX_BODY_BYTES = 25 * 1024 * 1024

interface PublishResult {
  readonly status: 200 | 400 | 401 | 409 | 503
  readonly code: string
  /** Null: it is published. */
  readonly denial: DecisionRecord["denial"]
  readonly description?: string
  readonly body?: object
}

export async function publish(request: Request, context: RequestContext): Promise<Response> {
  const id = newId("dec", context.receivedAt)
  const jws = request.headers.get(PUBLICATION_HEADER) ?? ""
  const asked = await readPublication(jws, context.config, context.receivedAt)
  const { status, code, denial, description, body } = asked ? await published(asked, request, context) : UNSIGNED
  const { env, receivedAt: at, background } = context
  const [path = null] = rawTarget(request).split("?", 1)
  const who = asked && publisherOf(asked)
  const bundle = asked && { seq: asked.seq, digest: asked.digest }
  const known: Partial<DecisionRecord> = { method: request.method, path, operator: who, bundle, code, denial }
  const decision = status === 200 ? "allow" : "deny"
  recordAtEdge(env, recordOf({ ...known, id, at, kind: "management", decision, total_ms: Date.now() - at }), background)
  const answer = status === 200 ? body : { error: code, error_description: description, decision_id: id, ...body }
  return Response.json(answer, { status, headers: { "Cache-Control": "no-store", "X-Narrowgate-Decision": id } })
}

const UNSIGNED: PublishResult = {
  status: 401,
  code: "invalid_token",
  denial: { reason: "operator_rejected", because: null },
  description: `${PUBLICATION_HEADER} must hold a statement that a publisher's key has signed within five minutes.`,
}
const OUT_OF_REACH: PublishResult = {
  status: 503,
  code: "unavailable",
  denial: { reason: "unavailable" },
  description: "It is not certain whether KV has it: send the same statement again, or another.",
}
const refused = (description: string): PublishResult => ({
  status: 400,
  code: "invalid_request",
  denial: { reason: "request_malformed", what: description },
  description,
})

async function published(asked: Publication, request: Request, { env }: RequestContext): Promise<PublishResult> {
  try {
    const object = publications(env)
    // Before a body is read: what is late already would be refused after it too.
    const head = await object.head()
    if (asked.seq < head.seq) return outrun(head)
    if (asked.what !== "withdrawal") {
      const wrong = await placeBody(asked, request, env)
      if (wrong) return wrong
    }
    const outcome = await object.publish(asked)
    if ("unavailable" in outcome) return OUT_OF_REACH
    if ("tooFar" in outcome) return refused(`The number is too far above ${outcome.tooFar.seq}, the highest so far.`)
    return "outrun" in outcome ? outrun(outcome.outrun) : publishedAs(outcome.published)
  } catch (error) {
    logEvent("publishing_failed", { seq: asked.seq, error: String(error) })
    return OUT_OF_REACH
  }
}

const publishedAs = (body: object): PublishResult => ({ status: 200, code: "ok", denial: null, body })

const outrun = (head: { readonly seq: number }): PublishResult => ({
  status: 409,
  code: "outrun",
  denial: { reason: "outrun", seq: head.seq },
  description: "There is a publication of this number or a higher one.",
  body: head,
})

/** Null: KV has it, and this Worker reads it. What a pointer names must be there before it. */
async function placeBody(asked: Publication, request: Request, { BUNDLES: kv }: Env): Promise<PublishResult | null> {
  const sent = request.body && (await boundedBytes(request, MAX_BODY_BYTES))
  if (request.body && !sent) return refused("The body is too long, or did not come in time.")
  const bytes = sent && sent.length > 0 ? sent : await storedBody(kv, asked.digest)
  if (!bytes) return refused("There is no body of this digest: send it along.")
  if ((await digestOf(bytes)) !== asked.digest) return refused("The digest that was signed is not the body's.")
  try {
    readAll(assemble(textOf(bytes) ?? "", asked))
  } catch (error) {
    return refused(`This Worker cannot read the bundle: ${String(error).slice(0, 512)}`)
  }
  if (bytes === sent) await kv.put(bodyKey(asked.digest), bytes.buffer)
  return null
}

/** An isolate reads most of a bundle when it is first asked about: here somebody can still be told. */
function readAll({ engine, catalog, agents }: Bundle): void {
  engine.compileAll()
  for (const parts of [catalog.tools, agents]) for (const _part of parts.values());
}

async function storedBody(kv: KVNamespace, digest: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const stored = await withTimeout(kv.get(bodyKey(digest), "arrayBuffer"))
  return stored && new Uint8Array(stored)
}
