/**
 * The steps of a request for the tools that an agent may call, like those of a call (authorize.ts). It allows nothing:
 * its answer is advisory, and each call is decided when it is made.
 */
import { countByReason, type HiddenTool, type LedgerListQuery } from "../core/record/listing-record.ts"
import { asciiText } from "../core/encoding/display-text.ts"
import { ofGateway, recordEdgeDenial, type TokenStatus } from "../audit/edge-record.ts"
import { lifecycleName } from "../core/catalog/lifecycle.ts"
import { distrustHeaders } from "../core/catalog/mcp-message.ts"
import type { McpServer } from "../core/catalog/mcp-server.ts"
import {
  denialByObservation,
  headersEnforced,
  isChanged,
  changedSince,
  observationsIn,
  type Observations,
  type ToolObservation,
} from "../core/catalog/drift.ts"
import { isDefinition, LISTS, type ListedEntry, type ServerList } from "../core/catalog/tool-list.ts"
import { type VerifiedToken, userOf } from "../credentials/delegation-token.ts"
import { verifyCredential, type VerifiedCredential } from "../credentials/verify.ts"
import { isDenied, type Denial } from "../core/denials/denial.ts"
import { askLedger } from "../ledger/ask.ts"
import { whyUnanswered } from "../platform/task-id.ts"
import { audienceOf, newerFor, type IdentifiedGateway } from "./registry.ts"
import { LEDGER_VERSION, type Listed, type NoBundle } from "../ledger/protocol.ts"
import type { TraceParent } from "../core/encoding/trace-context.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import type { RequestContext } from "../request-context.ts"
import { currentLease, type Lease } from "../revocation/lease.ts"
import { report, takeTurn } from "../revocation/report.ts"
import { reportedRisksOf } from "../core/signals/leased-risks.ts"
import { obtainableOf } from "./scope-challenge.ts"
import { newId } from "../platform/new-id.ts"
import { stopOf } from "../revocation/token-stop.ts"

/** A server's list, as a registered gateway sends it: only the gateway is verified yet. */
export interface ToolListRequest extends IdentifiedGateway {
  readonly server: McpServer
  readonly authorization: string | null
  readonly proof: string | null
  readonly list: Pick<ServerList, "kind" | "listed">
  readonly trace: TraceParent | null
}

export interface ListDecision {
  readonly id: string
  /** The gateway, as the bundle that decided registers it. */
  readonly gateway: GatewayDefinition
  /** Null: the list was made. */
  readonly denial: Denial | null
  /** By the server's names, URIs or templates. */
  readonly visible: ReadonlySet<string>
}

export async function listTools(
  request: ToolListRequest,
  bundle: Bundle,
  context: RequestContext,
): Promise<ListDecision> {
  const id = newId("dec", context.receivedAt)
  const { gateway, server, authorization, list, trace } = request
  const listing = lifecycleName(server.name, LISTS[list.kind].lifecycle)
  const denyAtEdge = (denial: Denial, verified?: VerifiedCredential, status: TokenStatus = "dead"): ListDecision => {
    const question = { ...ofGateway(gateway, bundle), method: "POST", path: server.path, tool: listing, trace }
    recordEdgeDenial(id, "management", denial, question, context, verified ? { verified, status } : null)
    return { id, gateway, denial, visible: new Set() }
  }

  const lease = currentLease(context)
  // The proof is the one of the agent's own request for the list, so it may have been used already (visible-tools.ts).
  const presented = { authorization, proof: request.proof, method: "POST", uri: server.origin + server.path }
  const { keys, config, receivedAt } = context
  const verifying = verifyCredential(presented, audienceOf(gateway), keys, config.issuer, receivedAt)
  const verified = verifying instanceof Promise ? await context.waits.of("keys", verifying) : verifying
  if (isDenied(verified)) return denyAtEdge(verified.denied)
  const { token, proof } = verified
  const leased = lease instanceof Promise ? await context.waits.of("lease", lease) : lease
  const stopped = stopOf(leased && leased.switches, token, listing)
  if (!leased || stopped) return denyAtEdge(stopped ?? { reason: "switches_unavailable" }, verified)

  const seen = observationsIn(list.kind, list.listed.filter(isDefinition), server, bundle.catalog)
  const sorted = sortTools(request, seen, leased, token, bundle)
  const ask: LedgerListQuery = {
    decisionId: id,
    task: token.claims.task,
    token: token.claims.jti,
    proof,
    list: listing,
    tools: [...sorted.tools.keys()],
    known: sorted.known,
    obtainable: obtainableIn(sorted, request, token, bundle),
    argumentsSeen: gateway.body,
    gateway: gateway.id,
    environment: gateway.environment,
    risks: reportedRisksOf(leased.risks, token.agents, userOf(token.claims)),
    path: server.path,
    mode: gateway.mode,
    tokenHash: token.hash,
    hidden: countByReason(sorted.hidden),
    named: sorted.hidden,
    receivedAt,
    ...(trace !== null && { trace }),
    ...(context.waits.steps && { steps: context.waits.steps }),
  }
  const reply = await askLedger(context.env, token.claims.task, async (ledger): Promise<string> =>
    ledger.visibleTools(LEDGER_VERSION, bundle.pointer, ask),
  )
  const answer: Listed | NoBundle | null = reply === null ? null : JSON.parse(reply)
  if (!answer || ("bundle" in answer && answer.bundle === "unavailable")) {
    return denyAtEdge(whyUnanswered(context.env, token.claims.task), verified, "unchecked")
  }
  if ("bundle" in answer) {
    return listAgain(request, answer.newest, bundle, context, (denial) => denyAtEdge(denial, verified, "unchecked"))
  }
  const { denial, hidden, recorded } = answer
  const isPaced = denial?.reason === "agent_too_fast" || denial?.reason === "ledger_overloaded"
  if (denial && !recorded) return denyAtEdge(denial, verified, isPaced ? "unchecked" : "dead")
  for (const tool of hidden) sorted.tools.delete(tool)
  if (!denial) reportChanges(seen, request, leased.observations, bundle, context)
  return { id, gateway, denial, visible: denial ? new Set() : new Set([...sorted.tools.values()].flat()) }
}

interface SortedTools {
  /** The server's names of each tool, by the catalog's name; of a resource, its URI by itself. */
  readonly tools: Map<string, string[]>
  readonly known: LedgerListQuery["known"]
  readonly hidden: readonly HiddenTool[]
}

/**
 * The tools that are hidden without a ledger: those that the catalog does not have, that the gateway could not judge,
 * that a switch stops, or that have changed.
 */
function sortTools(
  { gateway, server, list: { kind, listed } }: ToolListRequest,
  seen: readonly ToolObservation[],
  { switches, observations }: Lease,
  token: VerifiedToken,
  { catalog }: Bundle,
): SortedTools {
  const tools = new Map<string, string[]>()
  const known = new Map<string, LedgerListQuery["known"][string]>()
  const all = new Set(listed.map(({ key }) => key))
  const hidden: HiddenTool[] = []
  const hide = (key: string, reason: HiddenTool[1]): void => void hidden.push([nameOf(server, kind, key), reason])
  // Without the body a call is read from headers, and only for a server that is known to enforce them.
  if (!gateway.body && (distrustHeaders(server) || !headersEnforced(observations, server.name))) {
    for (const key of all) hide(key, "mcp_headers_untrusted")
    return { tools, known: {}, hidden }
  }
  const changed = new Map(seen.map((sighting) => [sighting.tool, isChanged(sighting)]))
  for (const key of all) {
    const entry: ListedEntry | null = LISTS[kind].entry(server, key)
    const tool = entry === null ? undefined : catalog.tools.get(entry.tool)
    if (!tool) hide(key, "tool_unknown")
    else if (stopOf(switches, token, tool.name)) hide(key, "tool_stopped")
    // What was observed before stands for the tools that this list does not mention.
    else if (changed.get(tool.name) ?? denialByObservation(observations, { tool, byHeaders: false }, catalog.tools))
      hide(key, "tool_changed")
    else if (entry?.values) {
      tools.set(key, [key])
      known.set(key, { tool: tool.name, values: entry.values })
    } else tools.set(tool.name, [...(tools.get(tool.name) ?? []), key])
  }
  return { tools, known: Object.fromEntries(known), hidden }
}

/**
 * As a record names what a server lists: by its entry of the catalog, or by the server's own name. The URI of a resource
 * without an entry is not shown: no entry says what of it is redacted.
 */
function nameOf(server: McpServer, kind: ServerList["kind"], key: string): string | null {
  const entry = LISTS[kind].entry(server, key)
  if (entry) return entry.tool
  return kind === "tools" || kind === "prompts" ? `${server.name}.${asciiText(key)}` : null
}

/** The names of the listed tools that the agent need not have yet, if the gateway shows these. */
function obtainableIn(
  { tools, known }: SortedTools,
  { gateway }: ToolListRequest,
  { claims }: VerifiedToken,
  bundle: Bundle,
): readonly string[] {
  if (gateway.filters_lists !== "obtainable") return []
  const names = new Set(
    [...tools.keys()].map((key) => (Object.hasOwn(known, key) ? known[key]?.tool : undefined) ?? key),
  )
  const listed = [...names].flatMap((name) => bundle.catalog.tools.get(name) ?? [])
  return obtainableOf(listed, claims, gateway.environment, bundle).map(({ name }) => name)
}

/**
 * Reports what this list shows, if it is new. An agent can make its gateway ask as often as it likes, but not choose
 * what the server answers: only a change of that answer has an effect. An observing gateway is on trial, and so may be
 * its servers: its reports must change nothing for gateways that enforce.
 */
function reportChanges(
  seen: readonly ToolObservation[],
  { gateway, server }: ToolListRequest,
  observations: Observations | null,
  { pointer }: Bundle,
  context: RequestContext,
): void {
  if (gateway.mode === "observe") return
  const { receivedAt: at, background } = context
  const sightings = changedSince(seen, observations)
  if (sightings.length > 0 && takeTurn(server.name, at))
    background(report(context, { bundle: pointer.seq, at, sightings }))
}

/** The ledger has already decided by a newer bundle. */
async function listAgain(
  request: ToolListRequest,
  newest: Pointer,
  older: Bundle,
  context: RequestContext,
  denyAtEdge: (denial: Denial) => ListDecision,
): Promise<ListDecision> {
  const newer = await newerFor(request, newest, older, context)
  if (isDenied(newer)) return denyAtEdge(newer.denied)
  const { gateway, bundle } = newer
  const server = serverOf(request.server.name, gateway, bundle)
  if (!server) return denyAtEdge({ reason: "tool_unknown", called: request.server.name })
  return listTools({ ...request, gateway, server }, bundle, context)
}

/** Whether the gateway stands in front of this server. */
export function serverOf(name: string, gateway: GatewayDefinition, bundle: Bundle): McpServer | null {
  const servers = [...bundle.catalog.servers.values()]
  return servers.find((server) => server.name === name && gateway.origins.includes(server.origin)) ?? null
}
