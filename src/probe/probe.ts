/**
 * The scheduled probe. It requests the tools of each MCP server of the bundle that may be probed, and checks whether
 * the server still enforces headers. A difference from the catalog becomes an observation, which every isolate applies
 * when its lease ends. Once it matches again, the observation is deleted. A server that could not be probed changes
 * nothing.
 */
import {
  isChanged,
  changedSince,
  outdated,
  observationsIn,
  removedTools,
  type Observations,
} from "../core/catalog/drift.ts"
import type { McpServer } from "../core/catalog/mcp-server.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { bundleFor, type RequestContext } from "../request-context.ts"
import { renewLease } from "../revocation/lease.ts"
import { report } from "../revocation/report.ts"
import { Allowance, Endpoint, ProbeFailed, whyFailed } from "./endpoint.ts"
import { enforcesHeaders } from "./headers.ts"
import { listTools } from "./tools.ts"

/** A Worker has six connections at once. */
const AT_ONCE = 4
/** No server is begun after this: the next run is due then. */
const RUN_MS = 240_000
/** Requests of ours for each server: to report on it, and to renew the lease here. */
const REPORTING = 2

export async function probeServers(context: RequestContext): Promise<void> {
  const bundle = await bundleFor(context)
  if (!bundle) return logEvent("probe_failed", { reason: "there is no bundle" })
  const lease = await renewLease(context)
  if (!lease) return logEvent("probe_failed", { reason: "the switchboard is unavailable" })
  const observations = lease.observations
  const allowance = new Allowance(context.config.maxProbeRequests)
  await prune(observations, bundle, allowance, context)

  // In another order each time: if there are more servers than requests, each has its turn.
  const waiting = shuffled([...bundle.catalog.servers.values()].filter((server) => isWorthProbing(server, bundle)))
  let leftOut = 0
  const work = async (): Promise<void> => {
    for (let server = waiting.pop(); server; server = waiting.pop()) {
      if (Date.now() - context.receivedAt < RUN_MS && allowance.take(REPORTING)) {
        await probe(server, observations, bundle, allowance, context)
      } else leftOut += 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  if (leftOut > 0) logEvent("probe_left_out", { servers: leftOut })
}

function isWorthProbing({ name, probe, enforces_headers }: McpServer, { catalog }: Bundle): boolean {
  if (!probe) return false
  return (
    enforces_headers ||
    [...catalog.tools.values()].some(({ server, pinned }) => server === name && pinned !== undefined)
  )
}

async function prune(
  observations: Observations | null,
  { catalog, pointer }: Bundle,
  allowance: Allowance,
  context: RequestContext,
): Promise<void> {
  const gone = observations ? outdated(observations, catalog) : []
  if (gone.length === 0 || !allowance.take(REPORTING)) return
  await report(context, { bundle: pointer.seq, at: context.receivedAt, sightings: [], outdated: gone })
}

async function probe(
  server: McpServer,
  observations: Observations | null,
  bundle: Bundle,
  allowance: Allowance,
  context: RequestContext,
): Promise<void> {
  const { env, config } = context
  const { name } = server
  const at = Date.now()
  const failed = (error: unknown): void => logEvent("probe_failed", { server: name, reason: whyFailed(error) })
  try {
    if (!server.probe) return
    const endpoint = Endpoint.of(server.probe, env, config.local, allowance)
    const { listed, failure } = await listTools(endpoint)
    const seen = observationsIn("tools", listed, server, bundle.catalog)
    // A difference in a list that breaks off is a difference; a match may still appear again, with another definition.
    const sightings = changedSince(failure === null ? seen : seen.filter(isChanged), observations)
    if (failure !== null) failed(new ProbeFailed(failure))
    const gone = failure === null ? removedTools(seen, server, bundle.catalog) : []
    if (gone.length > 0) logEvent("tools_not_listed", { server: name, count: gone.length, first: gone[0] ?? "" })

    const isThere = failure === null || listed.length > 0
    const enforced = isThere && server.enforces_headers ? await enforcesHeaders(endpoint).catch(failed) : undefined
    const isNews = enforced !== undefined && enforced === (observations?.headers.has(name) ?? false)
    const headers = isNews ? { headers: { server: name, enforced } } : {}
    if (sightings.length > 0 || isNews) await report(context, { bundle: bundle.pointer.seq, at, sightings, ...headers })
  } catch (error) {
    failed(error)
  }
}

function shuffled<Item>(items: Item[]): Item[] {
  for (let index = items.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1))
    const [here, there] = [items[index], items[other]]
    if (here !== undefined && there !== undefined) [items[index], items[other]] = [there, here]
  }
  return items
}
