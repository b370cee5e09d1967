/**
 * Each gateway asks Narrowgate: a call without a token is answered with its challenge. A gateway that passes such a call
 * protects nothing, whatever the policies say.
 */
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import type { DialectName, GatewayDefinition } from "../../../src/core/policy/definition/gateways.ts"
import type { McpServer } from "../../../src/core/catalog/mcp-server.ts"
import { MAX_EVENT_ID_LENGTH } from "../../../src/core/catalog/mcp-server.ts"
import { metadataUrlOf } from "../../../src/core/policy/resource.ts"
import { isLoopback } from "../../remote/worker.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { Failure } from "../../terminal/failure.ts"
import { ask, type Answer } from "../ask.ts"
import { about, failed, ok, problem, skipped, warn, type Finding, type Level } from "../finding.ts"
import { withoutPolicies, type Subject } from "../subject.ts"

/** Of one gateway: it is configured once for all of them, most likely. */
const MOST_CALLS = 8

export async function checkGateways(subject: Subject): Promise<readonly Finding[]> {
  const { body } = subject
  if (!body) return [withoutPolicies(subject)]
  return Promise.all(
    body.gateways.map(async (gateway) => about(gateway.id, await judgeGateway(gateway, body, subject))),
  )
}

async function judgeGateway(gateway: GatewayDefinition, body: BundleBody, subject: Subject): Promise<Finding> {
  if (gateway.mode === "observe")
    return warn("it only observes: no call is denied", "Write `mode: enforce` in gateways.yaml, and publish.")
  const calls = harmlessCalls(gateway, body).slice(0, MOST_CALLS)
  if (calls.length === 0) return skipped("nothing behind it can be asked without doing something")
  const endpoints = calls.flatMap(({ url, server }) => (server && gateway.dialect !== "authzen" ? [url] : []))
  const found = await Promise.all([
    ...calls.map(async (call) => judgeCall(call, gateway, body, subject)),
    ...endpoints.map(async (url) =>
      judgeResumption(await ask(new URL(url), RESUME_STREAM, subject.signal), gateway.id),
    ),
  ])
  const worst = found.toSorted((a, b) => SEVERITY.indexOf(a.level) - SEVERITY.indexOf(b.level))[0]
  if (worst && worst.level !== "ok") return worst
  const how = GUARDING.has(gateway.dialect) ? "" : ": 401 by Narrowgate, with WWW-Authenticate"
  return ok(`without a token it denies (${calls.length} asked)${how}`)
}

/** A server of these may ask Narrowgate itself, for each of its tools and not for their list (`guardTool`). */
const GUARDING: ReadonlySet<DialectName> = new Set(["authzen", "worker"])

const SEVERITY: readonly Level[] = ["problem", "warn", "skipped", "ok"]

interface HarmlessCall {
  readonly url: string
  readonly init: RequestInit
  readonly server?: McpServer
}

/** What reads, and opens nothing: if the gateway passes it, it should do no harm. */
function harmlessCalls({ origins }: GatewayDefinition, { servers, routes, tools }: BundleBody): HarmlessCall[] {
  const reads = new Set(tools.filter(({ action }) => action === "read").map(({ name }) => name))
  return origins.flatMap((origin): HarmlessCall[] => {
    const lists = servers.filter((server) => server.origin === origin)
    const route = routes.find((each) => each.origin === origin && each.methods.includes("GET") && reads.has(each.tool))
    return [
      ...lists.map((server) => ({ url: origin + server.path, init: LIST_TOOLS, server })),
      ...(route ? [{ url: origin + route.path.replaceAll(/\{[^}]+\}/gu, "0"), init: {} }] : []),
    ]
  })
}

export const LIST_TOOLS: RequestInit = {
  method: "POST",
  headers: {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": "2025-11-25",
  },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
}

/** Resumes a stream after an event whose id is too long, which Narrowgate rejects from every sender. */
export const RESUME_STREAM = {
  method: "GET",
  headers: { accept: "text/event-stream", "last-event-id": "x".repeat(MAX_EVENT_ID_LENGTH + 1) },
} as const

/** Whether Narrowgate has seen `Last-Event-ID`: its own 401 shows that it has not. `judgeAnswer` reports other flaws. */
export function judgeResumption(answer: Answer | Failure, id: string): Finding {
  const isUnseen = !(answer instanceof Failure) && isWithoutToken(answer)
  return isUnseen
    ? problem(
        `it does not relay Last-Event-ID to Narrowgate: unless it removes that header, a client that resumes a stream of ${answer.url.href} gets results of earlier calls as if it opened a new one`,
        `Have it relay that header with each request for a decision. Compare its configuration with docs/guides/gateways (${CALLED} gateway config ${id}).`,
      )
    : ok("a stream that is resumed is decided as that")
}

function isWithoutToken({ headers }: Answer): boolean {
  const code = headers.get("x-narrowgate-code")
  return code === "missing_token" || (code === null && challengedMetadata(headers) !== undefined)
}

/** Where a challenge of Narrowgate leads. */
const challengedMetadata = (headers: Headers): string | undefined =>
  /\bresource_metadata="([^"]*)"/u.exec(headers.get("www-authenticate") ?? "")?.[1]

async function judgeCall(
  { url, init, server }: HarmlessCall,
  gateway: GatewayDefinition,
  { gateways, tools }: BundleBody,
  subject: Subject,
): Promise<Finding> {
  const answer = await ask(new URL(url), init, subject.signal)
  if (answer instanceof Failure) {
    return isLoopback(url) && answer.message.startsWith("nothing listens")
      ? skipped(`${answer.message}; for one of the local stack: ${CALLED} dev --gateway`)
      : failed(answer)
  }
  const issuer = new URL(subject.url).origin
  // Several may be registered for one origin, of which any may stand there.
  const there = gateways.filter(({ origins }) => origins.includes(new URL(url).origin))
  const metadata = there.map((each) => metadataUrlOf(issuer, each, server))
  const finding = judgeAnswer(answer, gateway, metadata)
  if (!server || !GUARDING.has(gateway.dialect) || !isPassed(answer)) return finding
  const { judgeTools } = await import("./guarded-tools.ts")
  const guarded = await judgeTools(server, tools, subject.signal)
  // Of a gateway of the dialect `worker` the list itself has to be denied, unless the tools are.
  return gateway.dialect === "authzen" || guarded.level === "ok" ? guarded : finding
}

/** Nothing has denied the call, or failed: the server itself has answered it. */
const isPassed = ({ status, headers }: Answer): boolean =>
  status < 500 && ![401, 403].includes(status) && !headers.has("x-narrowgate-code") && !headers.has("www-authenticate")

/** @param metadata where a challenge of this Worker may lead */
export function judgeAnswer(
  answer: Answer,
  { id, dialect }: Pick<GatewayDefinition, "id" | "dialect">,
  metadata: readonly string[],
): Finding {
  const { status, headers } = answer
  const code = headers.get("x-narrowgate-code")
  const challenge = headers.get("www-authenticate")
  const leadsTo = challengedMetadata(headers)
  const call = `a call of ${answer.url.href} without a token`
  const configure =
    dialect === "authzen"
      ? "Compare how it asks with docs/guides/authzen.md and docs/guides/services.md"
      : `Compare its configuration with docs/guides/gateways (${CALLED} gateway config ${id})`
  if (code === "unknown_gateway")
    return problem(
      "it asks with a key that the Worker does not know",
      `Configure its own key, and publish the SHA-256 of it. ${configure}.`,
    )
  if (code === "unavailable" || (code === null && [500, 502, 503, 504].includes(status))) {
    const what = code === null ? `${call} is answered ${status}, not by Narrowgate` : "Narrowgate cannot decide for it"
    return problem(what, "See whether the gateway reaches the Worker, and then its server; look at its log.")
  }
  if (code === null && leadsTo === undefined) {
    // A client of AuthZEN makes the answer to its own client.
    if (status === 401 && challenge !== null && dialect === "authzen") return ok(`${call} is answered 401`)
    if (status === 401 && challenge !== null)
      return warn(
        `${call} is answered 401 by something else than Narrowgate, which may not be asked`,
        `Have it ask Narrowgate first. ${configure}.`,
      )
    if (status === 403)
      return problem(
        `${call} is answered 403, without a word of Narrowgate`,
        `It denies, as if it did not reach the Worker. ${configure}.`,
      )
    return problem(
      `${call} is answered ${status}: THE GATEWAY DOES NOT ASK, AND PASSES CALLS`,
      `Stop what calls it until this is right. ${configure}, and that this path is covered.`,
    )
  }
  if (status !== 401)
    return problem(
      `${call} is answered ${status} (${code ?? "no code"}), not 401`,
      `Have it pass on the status. ${configure}.`,
    )
  if (challenge === null)
    return problem(
      `${call} is answered 401 without WWW-Authenticate: no client can log in`,
      `Have it pass on that header. ${configure}.`,
    )
  if (leadsTo !== undefined && !metadata.includes(leadsTo))
    return problem(
      `its challenge leads to ${leadsTo}, not ${metadata.join(" or ")}: it asks another Worker, or by other policies`,
      `Point it at this Worker (dialect ${dialect}), or publish the policies.`,
    )
  return ok(`${call} is answered 401`)
}
