/**
 * Cerbos as its users run it beside their own services: one process, HTTP, policies from disk, the caller's token
 * verified against a key set. Nothing of it is slowed down: no audit log, no access log, no telemetry.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { join } from "node:path"
import { freePort } from "../../dev/loopback.ts"
import type { Lab } from "../lab.ts"
import { prepare, type PreparedRequest } from "../load/request.ts"
import { startProcess, waitFor, type ServerProcess } from "./process.ts"

const POLICIES = join(import.meta.dirname, "../cerbos/policies")

export interface Cerbos extends ServerProcess {
  readonly port: number
}

/** What Cerbos is told of a call; the rest it reads in the token. */
export interface CerbosCall {
  readonly token: string
  readonly user: string
  readonly tool: string
  readonly sensitivity: number
  readonly labels: readonly string[]
  readonly ticket: string | null
}

/** Null where this machine has no Cerbos: it is an optional dependency. */
export function cerbosBinary(): string | null {
  try {
    return createRequire(import.meta.url).resolve("@cerbos/cerbos-linux-x64/cerbos-linux-x64")
  } catch {
    return null
  }
}

/** @param jwks key set that its tokens must verify by, JSON */
export async function startCerbos(lab: Lab, command: string, jwks: string): Promise<Cerbos> {
  const directory = lab.place("cerbos")
  await mkdir(directory)
  await writeFile(join(directory, "jwks.json"), jwks)
  const [port, rpcPort] = [await freePort(), await freePort()]
  await writeFile(join(directory, "cerbos.yaml"), JSON.stringify(configuration(directory, port, rpcPort)))
  const args = ["server", `--config=${join(directory, "cerbos.yaml")}`, "--log-level=error"]
  const server = startProcess({ command, args, environment: { CERBOS_NO_TELEMETRY: "1" }, directory })
  await waitFor(server, async () => ((await fetch(`http://127.0.0.1:${port}/_cerbos/health`)).ok ? true : null))
  return Object.assign(server, { port })
}

function configuration(directory: string, port: number, rpcPort: number): unknown {
  return {
    server: { httpListenAddr: `127.0.0.1:${port}`, grpcListenAddr: `127.0.0.1:${rpcPort}` },
    storage: { driver: "disk", disk: { directory: POLICIES, watchForChanges: false } },
    auxData: { jwt: { keySets: [{ id: "narrowgate", local: { file: join(directory, "jwks.json") } }] } },
    audit: { enabled: false },
    telemetry: { disabled: true },
  }
}

export function cerbosQuestion(call: CerbosCall, effect: "EFFECT_ALLOW" | "EFFECT_DENY"): PreparedRequest {
  const { token, user, tool, sensitivity, labels, ticket } = call
  const attr = { groups: ["desk"], sensitivity_level: sensitivity, labels, environment: "bench" }
  const body = JSON.stringify({
    requestId: "bench",
    principal: { id: user, roles: ["support"], attr: { depth: 0, labels: [], tree_calls: 1 } },
    resources: [
      {
        actions: ["read"],
        resource: { kind: "tool", id: tool, attr: ticket === null ? attr : { ...attr, ticket } },
      },
    ],
    auxData: { jwt: { token, keySetId: "narrowgate" } },
  })
  const headers = { "content-type": "application/json" }
  const expected = { status: 200, contains: `"read":"${effect}"` }
  return prepare({ method: "POST", path: "/api/check/resources", headers, body }, expected)
}
