/**
 * The decision in the gateway's terms: status, headers, body. An allow always carries every identity header, so that
 * none of the client's own survives (CVE-2026-30851). No answer may be cached.
 */
import { metadataUrlOf } from "../core/policy/resource.ts"
import { challengeOf } from "../credentials/challenge.ts"
import { schemeOf } from "../credentials/verify.ts"
import { CODES } from "../core/denials/terms/code.ts"
import { codeOf, describeDenial, type Denial } from "../core/denials/denial.ts"
import { childTraceparent, TRACEPARENT } from "../core/encoding/trace-context.ts"
import { APPROVAL_RETRY_AFTER } from "../core/task/approval.ts"
import type { Decision } from "./decision.ts"
import { serverListedBy } from "../core/catalog/tool-list.ts"
import { DIALECTS } from "./dialects/dialects.ts"
import type { DeniedMessage } from "./json-rpc.ts"
import { answerToMessage } from "./mcp-denial.ts"
import type { ApprovalLinks } from "./model-text.ts"

/** What an upstream learns of the caller; a gateway must overwrite each of these headers, in every spelling. */
export const IDENTITY_HEADERS = [
  "X-Narrowgate-Agent",
  "X-Narrowgate-User",
  "X-Narrowgate-Task",
  "X-Narrowgate-Purpose",
  "X-Narrowgate-Tool",
  "X-Narrowgate-Decision",
  "Txn-Token",
] as const

/**
 * @param issuer our own URL, where a client without a token finds out how to get one
 * @param request the gateway's request, with the client's `Authorization`
 * @param message the JSON-RPC message of the call, if it is one to an MCP server
 */
export function answer(decision: Decision, issuer: string, request: Request, message?: DeniedMessage): Response {
  if (decision.denial && !isObserved(decision)) {
    const { status } = DIALECTS[decision.gateway.dialect]
    return denialResponse(decision.denial, decision, issuer, request, status, message)
  }
  const { agent, user, task, purpose } = isNamed(decision) ? decision : NO_IDENTITY
  const headers: Record<string, string> = {
    "Cache-Control": "no-store",
    "X-Narrowgate-Agent": headerSafe(agent),
    "X-Narrowgate-User": headerSafe(user),
    "X-Narrowgate-Task": headerSafe(task),
    "X-Narrowgate-Purpose": headerSafe(purpose),
    "X-Narrowgate-Tool": headerSafe(decision.tool),
    "X-Narrowgate-Decision": decision.id,
    "Txn-Token": decision.transactionToken ?? "",
    ...listHeader(decision),
    ...rateLimit(decision),
    ...traceHeader(decision),
  } satisfies Record<(typeof IDENTITY_HEADERS)[number] | "Cache-Control", string>
  // Envoy takes exactly 200 as an allow, nginx any 2xx.
  return new Response(null, { status: 200, headers })
}

/**
 * For the upstream of a call that is traced. Otherwise there is none: a trace that began here would decide for the
 * upstream whether it is sampled.
 */
function traceHeader({ trace, id }: Decision): Readonly<Record<string, string>> {
  return trace === null ? {} : { [TRACEPARENT]: childTraceparent(trace, id) }
}

/**
 * Of which server the answer to this call is a list that the gateway is to cut down (filter-tools.ts). It need not read
 * the body itself, and all other answers cost it nothing. An observing gateway would get its list back whole.
 */
function listHeader({ gateway, tool }: Decision): Readonly<Record<string, string>> {
  const filters = gateway.filters_lists !== undefined && gateway.mode === "enforce"
  const server = filters && tool !== null ? serverListedBy(tool) : null
  return server === null ? {} : { "X-Narrowgate-List": server }
}

/**
 * Whether the decision has no effect because the gateway only observes. The bundle that decided says so: in that bundle
 * the gateway may enforce, or be unknown.
 */
export function isObserved({ gateway, denial }: Pick<Decision, "gateway" | "denial">): boolean {
  return gateway.mode === "observe" && denial?.reason !== "gateway_unknown"
}

const NO_IDENTITY = { agent: null, user: null, task: null, purpose: null } as const

/**
 * An observing gateway allows what is denied, and names the caller only if its credential was accepted: an upstream
 * believes these headers, and must not take a revoked or replayed token for the agent.
 */
function isNamed({ denial, agent }: Decision): boolean {
  if (!denial) return true
  const code = codeOf(denial)
  return agent !== null && code !== "missing_token" && code !== "invalid_token"
}

/** @param carried the status that reaches the client, if the gateway cannot carry each status */
export function denialResponse(
  denial: Denial,
  decision: Pick<Decision, "id" | "gateway" | "server" | "denial" | "windows" | "task" | "scope">,
  issuer: string,
  request: Request,
  carried: (status: number) => number,
  message?: DeniedMessage,
): Response {
  const code = codeOf(denial)
  const status = CODES[code].status
  const headers = new Headers({
    "Cache-Control": "no-store",
    "X-Narrowgate-Code": code,
    "X-Narrowgate-Decision": decision.id,
  })
  const { gateway, server } = decision
  const metadata = metadataUrlOf(issuer, gateway, server)
  const scheme = schemeOf(request.headers.get("authorization"))
  const { scope } = decision
  const challenge = challengeOf(denial, metadata, scheme, scope)
  for (const [name, value] of Object.entries(challenge)) headers.set(name, value)
  const retryAfter = "retry_after" in denial ? denial.retry_after : status === 503 ? RETRY_AFTER_OUTAGE : null
  const approval = denial.reason === "approval_required" ? approvalLinks(denial, decision, issuer) : null
  // Programs alone: a model that reads a time would repeat the call until people answer.
  const pollsAfter = approval?.status === "pending" ? APPROVAL_RETRY_AFTER : null
  const waits = retryAfter ?? pollsAfter
  if (waits !== null) headers.set("Retry-After", String(waits))
  for (const [name, value] of Object.entries(rateLimit(decision))) headers.set(name, value)
  const members = {
    error: code,
    error_description: describeDenial(denial),
    decision_id: decision.id,
    ...(scope !== null && { scope }),
    ...(approval && { approval }),
  }
  const isChallenge = Object.keys(challenge).length > 0
  const denied = { denial, members, status, gateway, isChallenge, approval, scope, retryAfter, decision: decision.id }
  const toClient = message === undefined ? { status, body: members } : answerToMessage(message, denied)
  headers.set("X-Narrowgate-Status", String(toClient.status))
  const init = { status: carried(status), headers }
  return toClient.body === null ? new Response(null, init) : Response.json(toClient.body, init)
}

/** Seconds. */
const RETRY_AFTER_OUTAGE = 5

/** Who decides on the approval, where people and programs do so, until when, and whether it is rejected already. */
function approvalLinks(
  { approval: id, name, status, expires_at, limited_by }: Extract<Denial, { readonly reason: "approval_required" }>,
  { task }: Pick<Decision, "task">,
  issuer: string,
): ApprovalLinks | null {
  // For an observing gateway no approval is requested, and its answer is an allow.
  if (id === null) return null
  const [uri, url] = [`${issuer}/v1/tasks/${task}/approvals/${id}`, `${issuer}/console/approvals/${task}/${id}`]
  return { id, name, status, expires_at, limited_by, uri, url }
}

/** draft-ietf-httpapi-ratelimit-headers: what is left of the window that is nearest to its limit. */
function rateLimit(decision: Pick<Decision, "denial" | "windows">): Readonly<Record<string, string>> {
  if (decision.windows.length === 0) return {}
  const policies = decision.windows.map(({ window, limit, seconds }) => `"${window}";q=${limit};w=${seconds}`)
  const limits = decision.windows.map(({ window, limit, used, asked, waits, seconds }) => {
    const left = Math.max(0, limit - used - (decision.denial ? 0 : asked))
    return `"${window}";r=${left};t=${left > 0 ? seconds : Math.max(1, Math.ceil(waits / 1000))}`
  })
  return { "RateLimit-Policy": policies.join(", "), RateLimit: limits.join(", ") }
}

/**
 * A subject may contain any character; a header may not (RFC 9110, section 5.5). Other characters are percent-encoded.
 */
function headerSafe(value: string | null): string {
  if (value === null) return ""
  return /^[\x21-\x24\x26-\x7e]*$/.test(value)
    ? value
    : encodeURIComponent(value.toWellFormed()).replaceAll("%3A", ":").replaceAll("%2F", "/")
}
