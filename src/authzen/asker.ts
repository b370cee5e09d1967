/** Who asks, by their key, and so what they may ask. */
import { refusedAtEdge } from "../audit/edge-record.ts"
import { codeOf, describe, STATUS_OF_CODE, type Denial } from "../decision.ts"
import { hashOfKey } from "../gateway/registry.ts"
import { newId } from "../ids.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { QueryClient } from "../policy/bundle.ts"
import { bundleFor, type Surroundings } from "../surroundings.ts"
import type { Access } from "./access.ts"
import { decideByPolicy } from "./query.ts"
import { search } from "./search.ts"

/** Evaluations that a query client may put into one request. */
export const MAX_QUERIES = 100

const BEARER = /^Bearer +([\x21-\x7e]+)$/i

export async function accessOf(headers: Headers, around: Surroundings): Promise<Access | Response> {
  const bundle = await bundleFor(around)
  if (!bundle) return refused({ reason: "bundle_unavailable" }, around)
  const [, key = null] = BEARER.exec(headers.get("authorization") ?? "") ?? []
  const keyHash = hashOfKey(key)
  const client = keyHash === null ? undefined : bundle.queries.get(keyHash)
  if (client && keyHash !== null) return queryAccess(client, keyHash, bundle)
  return refused({ reason: "gateway_unknown" }, around)
}

function queryAccess(client: QueryClient, keyHash: string, bundle: Bundle): Access {
  return {
    keyHash,
    evaluations: MAX_QUERIES,
    decide: (question) => decideByPolicy(question, client, bundle),
    search: (sought, question, span) => search(sought, question, span, client, bundle),
  }
}

/** Recorded as what nobody knows, like a stranger at `/authz/`. */
function refused(denial: Denial, around: Surroundings): Response {
  const id = newId("dec", around.receivedAt)
  refusedAtEdge(id, "call", denial, {}, around)
  const code = codeOf(denial)
  const body = { error: code, error_description: describe(denial), decision_id: id }
  // Who asks has not shown who it is: to AuthZEN a 401, not the 403 of `/authz/`.
  return code === "unavailable"
    ? Response.json(body, { status: STATUS_OF_CODE[code], headers: { "Retry-After": "5" } })
    : Response.json(body, { status: 401, headers: { "WWW-Authenticate": `Bearer realm="${around.config.issuer}"` } })
}
