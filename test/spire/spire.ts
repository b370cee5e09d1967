/**
 * A real SPIRE: a server and an agent in a directory of their own, on loopback, ended with whoever started them. The
 * agent has joined by a token and knows workloads by their user id, so it hands JWT-SVIDs to this very process.
 */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { z } from "zod"
import { type ServerProcess, startProcess, waitFor } from "../../bench/servers/process.ts"
import { freePort } from "../../dev/loopback.ts"
import type { Commands } from "./commands.ts"

export interface Rotation {
  readonly oldKid: string
  readonly newKid: string
}

export interface Spire extends AsyncDisposable {
  /** A JWT-SVID from the agent's Workload API; the agent may have it in its cache. */
  readonly svid: (id: string, audiences: readonly string[]) => Promise<string>
  /** Of the agent's Workload API. */
  readonly socket: string
  /** The trust domain's bundle in SPIFFE's format, as it is now. */
  readonly bundle: () => Promise<string>
  /**
   * A new key is made, published, and signs from now on. The old one is tainted: the agent soon forgets what it signed,
   * yet it stays in the bundle.
   */
  readonly rotateKey: () => Promise<Rotation>
  /** Takes a tainted key out of the bundle. */
  readonly revokeKey: (kid: string) => Promise<void>
}

const COMMAND_WITHIN_MS = 10_000

const tokenSchema = z.object({ value: z.string() })
const svidsSchema = z.tuple([z.object({ svids: z.tuple([z.object({ svid: z.string() })]) })], z.unknown())
const authority = z.object({ authority_id: z.string() })
const preparedSchema = z.object({ prepared_authority: authority })
const activeSchema = z.object({ active: authority })

/** @param ids what this process may be: SPIFFE IDs of example.org */
export async function startSpire(commands: Commands, ids: readonly string[]): Promise<Spire> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-spire-"))
  const started: ServerProcess[] = []
  const dispose = async (): Promise<void> => {
    for (const each of started.toReversed()) await each[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
  const start = (command: string, args: readonly string[]): ServerProcess => {
    const each = startProcess({ command, args, directory, environment: { TMPDIR: tmpdir() } })
    started.push(each)
    return each
  }
  const serverSocket = join(directory, "server", "api.sock")
  const agentSocket = join(directory, "agent", "api.sock")
  const server = async (...args: string[]) => run(commands.server, [...args, "-socketPath", serverSocket])
  const agent = async (...args: string[]) => run(commands.agent, [...args, "-socketPath", agentSocket])
  const svid = async (id: string, audiences: readonly string[]): Promise<string> => {
    const wanted = ["-spiffeID", id, "-audience", audiences.join(","), "-output", "json"]
    return svidsSchema.parse(JSON.parse(await agent("api", "fetch", "jwt", ...wanted)))[0].svids[0].svid
  }
  const jwtKey = async (...args: string[]): Promise<unknown> =>
    JSON.parse(await server("localauthority", "jwt", ...args, "-output", "json"))
  try {
    const port = await freePort()
    await mkdir(join(directory, "server"))
    await mkdir(join(directory, "agent"))
    await writeFile(join(directory, "server.conf"), serverConfiguration(directory, port))
    await writeFile(join(directory, "agent.conf"), agentConfiguration(directory, port))

    const serving = start(commands.server, ["run", "-config", "server.conf"])
    await waitFor(serving, async () => server("healthcheck"))
    // An agent that believed whichever server it met first could be met by another.
    await writeFile(join(directory, "root.pem"), await server("bundle", "show"))
    const { value: token } = tokenSchema.parse(JSON.parse(await server("token", "generate", "-output", "json")))
    const parent = `spiffe://example.org/spire/agent/join_token/${token}`
    const selector = `unix:uid:${process.getuid?.() ?? ""}`
    for (const id of ids) await server("entry", "create", "-parentID", parent, "-spiffeID", id, "-selector", selector)

    const attesting = start(commands.agent, ["run", "-config", "agent.conf", "-joinToken", token])
    // Entries reach the agent a little later.
    for (const id of ids) await waitFor(attesting, async () => svid(id, ["https://nobody.example"]))
    return {
      svid,
      socket: `unix://${agentSocket}`,
      bundle: async () => server("bundle", "show", "-format", "spiffe"),
      async rotateKey() {
        const { active } = activeSchema.parse(await jwtKey("show"))
        const { prepared_authority: prepared } = preparedSchema.parse(await jwtKey("prepare"))
        await jwtKey("activate", "-authorityID", prepared.authority_id)
        await jwtKey("taint", "-authorityID", active.authority_id)
        return { oldKid: active.authority_id, newKid: prepared.authority_id }
      },
      async revokeKey(kid) {
        await jwtKey("revoke", "-authorityID", kid)
      },
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { timeout: COMMAND_WITHIN_MS, killSignal: "SIGKILL" })
  return stdout
}

/** Caches that are looked at each second, so that a test need not wait for the usual five. */
function serverConfiguration(directory: string, port: number): string {
  const data = join(directory, "server")
  return `server {
  trust_domain = "example.org"
  bind_address = "127.0.0.1"
  bind_port = ${port}
  socket_path = ${JSON.stringify(join(data, "api.sock"))}
  data_dir = ${JSON.stringify(data)}
  default_jwt_svid_ttl = "5m"
  experimental { cache_reload_interval = "1s" }
}
plugins {
  DataStore "sql" {
    plugin_data {
      database_type = "sqlite3"
      connection_string = ${JSON.stringify(join(data, "datastore.sqlite3"))}
    }
  }
  KeyManager "disk" { plugin_data { keys_path = ${JSON.stringify(join(data, "keys.json"))} } }
  NodeAttestor "join_token" { plugin_data {} }
}
`
}

function agentConfiguration(directory: string, port: number): string {
  const data = join(directory, "agent")
  return `agent {
  trust_domain = "example.org"
  server_address = "127.0.0.1"
  server_port = ${port}
  socket_path = ${JSON.stringify(join(data, "api.sock"))}
  data_dir = ${JSON.stringify(data)}
  trust_bundle_path = ${JSON.stringify(join(directory, "root.pem"))}
  experimental { sync_interval = "1s" }
}
plugins {
  KeyManager "disk" { plugin_data { directory = ${JSON.stringify(data)} } }
  NodeAttestor "join_token" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}
`
}
