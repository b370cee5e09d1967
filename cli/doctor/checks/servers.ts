/**
 * Each MCP server that has a `probe` is there: behind a gateway that is right, every call that is allowed fails without
 * it.
 */
import type { Probe } from "../../../src/core/catalog/mcp-server.ts"
import { isLoopback } from "../../remote/worker.ts"
import { Failure } from "../../terminal/failure.ts"
import { ask } from "../ask.ts"
import { about, ok, skipped, warn, type Finding } from "../finding.ts"
import { withoutPolicies, type Subject } from "../subject.ts"
import { LIST_TOOLS } from "./gateways.ts"

export async function checkServers(subject: Subject): Promise<readonly Finding[]> {
  const { body, signal } = subject
  if (!body) return [withoutPolicies(subject)]
  const missing = await subject.withoutWorker()
  if (missing) return [missing]
  const probes = body.servers.flatMap(({ name, probe }) => (probe ? [{ name, probe }] : []))
  if (probes.length === 0) return [skipped("no MCP server has a `probe` in catalog.yaml")]
  return Promise.all(probes.map(async ({ name, probe }) => about(name, await findingOf(probe, signal))))
}

async function findingOf({ url }: Probe, signal: AbortSignal): Promise<Finding> {
  const answer = await ask(new URL(url), LIST_TOOLS, signal)
  // A server that is there may want a token, or a session first.
  if (!(answer instanceof Failure) && answer.status < 500) return ok(`answers at ${url}`)
  const what = answer instanceof Failure ? answer.message : `${url} answers HTTP ${answer.status}`
  if (!isLoopback(url)) return skipped(`${what}; another machine may reach it`)
  return warn(what, "Start the server, or correct its `probe` in catalog.yaml: no call of it succeeds.")
}
