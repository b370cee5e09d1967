/**
 * Open Policy Agent as its users run it beside their own services: one process, HTTP, a policy and its data from disk,
 * the caller's token verified against a key set. Its cache of verified tokens is on, and nothing of it is slowed down:
 * no decision log, no telemetry.
 */
import { accessSync, constants } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { delimiter, join } from "node:path"
import { freePort } from "../../dev/loopback.ts"
import type { Lab } from "../lab.ts"
import { prepare, type PreparedRequest } from "../load/request.ts"
import { AGENT, AUDIENCE, ISSUER } from "./identities.ts"
import { startProcess, waitFor, type ServerProcess } from "./process.ts"

const POLICY = join(import.meta.dirname, "../opa/policy.rego")

export interface Opa extends ServerProcess {
  readonly port: number
}

/** What OPA gets about a call; the rest it reads in the token. */
export interface OpaCall {
  readonly token: string
  readonly tool: string
  readonly sensitivity: number
  readonly ticket: string | null
}

/** Null where no `opa` is on the PATH. */
export function opaBinary(): string | null {
  const directories = (process.env["PATH"] ?? "").split(delimiter).filter((directory) => directory !== "")
  return directories.map((directory) => join(directory, "opa")).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @param jwks key set that its tokens must verify by, JSON */
export async function startOpa(lab: Lab, command: string, jwks: string): Promise<Opa> {
  const directory = lab.place("opa")
  await mkdir(directory)
  const data = { keys: jwks, issuer: ISSUER, audience: AUDIENCE, agents: { [AGENT]: { groups: ["desk"] } } }
  const [dataPath, configPath] = [join(directory, "data.json"), join(directory, "config.json")]
  await writeFile(dataPath, JSON.stringify(data))
  await writeFile(configPath, JSON.stringify(CONFIGURATION))
  const port = await freePort()
  const options = [
    `--addr=127.0.0.1:${port}`,
    `--config-file=${configPath}`,
    "--log-level=error",
    "--disable-telemetry",
  ]
  const server = startProcess({ command, args: ["run", "--server", ...options, POLICY, dataPath], directory })
  await waitFor(server, async () => ((await fetch(`http://127.0.0.1:${port}/health`)).ok ? true : null))
  return Object.assign(server, { port })
}

/** Without it OPA verifies the signature of each token for each call. */
const CONFIGURATION = {
  caching: { inter_query_builtin_value_cache: { named: { io_jwt: { max_num_entries: 10_000 } } } },
}

export function opaQuestion({ token, tool, sensitivity, ticket }: OpaCall, allow: boolean): PreparedRequest {
  const input = {
    token,
    action: "read",
    environment: "bench",
    user: { groups: ["support"] },
    resource: { name: tool, groups: ["desk"], sensitivity_level: sensitivity, labels: [] },
    arguments: ticket === null ? {} : { ticket },
    task: { depth: 0, labels: [], tree_calls: 1 },
  }
  const headers = { "content-type": "application/json" }
  const request = { method: "POST", path: "/v1/data/authorizer/allow", headers, body: JSON.stringify({ input }) }
  return prepare(request, { status: 200, contains: `"result":${allow}` })
}
