/** Which client sends a request, by its key, and so what it may request. */
import { ofGateway, recordEdgeDenial } from "../../audit/edge-record.ts"
import { recordAtEdge } from "../../audit/edge-recorder.ts"
import { recordOf, type DecisionRecord } from "../../core/record/record.ts"
import { CODES } from "../../core/denials/terms/code.ts"
import { codeOf, describeDenial, type Denial } from "../../core/denials/denial.ts"
import { DIALECTS } from "../dialects/dialects.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import type { QueryClient } from "../../core/policy/definition/gateways.ts"
import { Work } from "../../core/encoding/work.ts"
import { hashOfKey } from "../../credentials/api-key.ts"
import { newId } from "../../platform/new-id.ts"
import { bundleFor, type RequestContext } from "../../request-context.ts"
import type { Access } from "./access.ts"
import { malformedEvaluation } from "./answer.ts"
import { authzen } from "../dialects/authzen.ts"
import { decideCall, type GatewayCaller } from "./enforce.ts"
import { decideByPolicy } from "./query.ts"
import { search } from "./search.ts"

/** Of a request about policy: what its evaluations share is read for each of them. */
const MAX_QUERY_BYTES = 262_144
const MAX_QUERIES = 100
/** Of a request about calls, which contains their bodies: as long as the body of a single call may be. */
const MAX_CALL_BYTES = 1_048_576
/** Characters of several evaluations together: each is parsed, judged and recorded by itself. */
const MAX_CALL_CHARACTERS = 32_768
/** Each evaluation is one step of a ledger, one after the other, and costs a good millisecond. */
const MAX_CALLS = 10

const BEARER = /^Bearer +([\x21-\x7e]+)$/i

export async function accessOf(headers: Headers, context: RequestContext): Promise<Access | Response> {
  const bundle = await bundleFor(context)
  if (!bundle) return refused({ reason: "bundle_unavailable" }, context)
  const [, key = null] = BEARER.exec(headers.get("authorization") ?? "") ?? []
  const keyHash = hashOfKey(key)
  const client = keyHash === null ? undefined : bundle.queries.get(keyHash)
  if (client && keyHash !== null) return queryAccess(client, keyHash, bundle, context)
  const gateway = keyHash === null ? undefined : bundle.gateways.get(keyHash)
  if (!gateway || keyHash === null || key === null) return refused({ reason: "gateway_unknown" }, context)
  const { endpoint: expected } = DIALECTS[gateway.dialect]
  if (expected !== authzen.endpoint) return refused({ reason: "gateway_dialect_mismatch", expected }, context)
  return callAccess({ gateway, key, headers, bundle }, keyHash, context)
}

function queryAccess(client: QueryClient, keyHash: string, bundle: Bundle, context: RequestContext): Access {
  const fields = { kind: "management", operator: `query|${client.id}`, bundle: bundle.pointer } as const
  const work = new Work()
  return {
    keyHash,
    recordMalformed: (code, what) => recordRefused(code, what, fields, context),
    bytes: MAX_QUERY_BYTES,
    evaluations: MAX_QUERIES,
    decide: (question) => decideByPolicy(question, client, bundle, work),
    search: (sought, question, span) => search(sought, question, span, client, bundle, work),
  }
}

function callAccess(caller: GatewayCaller, keyHash: string, context: RequestContext): Access {
  // What evaluations share is read for each of them.
  let characters = 0
  const fields = { kind: "call", ...ofGateway(caller.gateway, caller.bundle) } as const
  return {
    keyHash,
    recordMalformed: (code, what) => recordRefused(code, what, fields, context),
    bytes: MAX_CALL_BYTES,
    evaluations: MAX_CALLS,
    decide: async (question, index) => {
      if (index !== null && characters <= MAX_CALL_CHARACTERS) characters += JSON.stringify(question).length
      return characters > MAX_CALL_CHARACTERS
        ? malformedEvaluation(
            `All evaluations together, with what they share in each, have more than ${MAX_CALL_CHARACTERS} characters.`,
          )
        : decideCall(question, index, caller, context)
    },
    search: null,
  }
}

function recordRefused(
  code: string,
  what: string,
  fields: Partial<DecisionRecord> & Pick<DecisionRecord, "kind">,
  { env, receivedAt: at, background }: RequestContext,
): string {
  const id = newId("dec", at)
  const denial = { reason: "request_malformed", what } as const
  recordAtEdge(env, recordOf({ ...fields, id, at, code, denial, total_ms: Date.now() - at }), background)
  return id
}

/** Recorded without an identity, like an unregistered gateway at `/authz/`. */
function refused(denial: Denial, context: RequestContext): Response {
  const id = newId("dec", context.receivedAt)
  recordEdgeDenial(id, "call", denial, {}, context)
  const code = codeOf(denial)
  // The client has not authenticated: that is 401 for AuthZEN, not the 403 of `/authz/`.
  const status = denial.reason === "gateway_unknown" ? 401 : CODES[code].status
  const headers = new Headers({ "X-Narrowgate-Code": code, "X-Narrowgate-Decision": id })
  if (status === 401) headers.set("WWW-Authenticate", `Bearer realm="${context.config.issuer}"`)
  if (status === 503) headers.set("Retry-After", "5")
  const body = { error: code, error_description: describeDenial(denial), decision_id: id }
  return Response.json(body, { status, headers })
}
