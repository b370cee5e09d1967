/** The built Worker in a bare workerd: what miniflare puts before a Worker, its own entry point, is not there. */
import { execFile } from "node:child_process"
import { createRequire } from "node:module"
import { join } from "node:path"
import { promisify } from "node:util"
import { startProcess, type ServerProcess } from "../../bench/servers/process.ts"

export const ROOT = join(import.meta.dirname, "../..")
/** Stands for a KV namespace. */
export const KV = join(ROOT, "bench/workers/kv.js")
export const BUILD_WITHIN_MS = 60_000
export const START_WITHIN_MS = 15_000

/** @returns path of the Worker's one module, below `directory` */
export async function buildWorker(directory: string): Promise<string> {
  const command = ["deploy", "--dry-run", "--outdir", join(directory, "build")]
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" }
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js")
  await promisify(execFile)(process.execPath, [wrangler, ...command], { cwd: ROOT, env, timeout: BUILD_WITHIN_MS })
  return join(directory, "build/index.js")
}

export interface Serving<Socket extends string> {
  readonly server: ServerProcess
  readonly ports: Readonly<Record<Socket, number>>
}

/**
 * @param configuration path of a Cap'n Proto file
 * @param sockets names of those that it listens on
 */
export async function serve<Socket extends string>(
  configuration: string,
  directory: string,
  sockets: readonly Socket[],
): Promise<Serving<Socket>> {
  const { default: command }: { readonly default: string } = createRequire(import.meta.url)("workerd")
  const args = ["serve", configuration, "--control-fd=3", "--import-path=/"]
  const server = startProcess({ command, args, directory })
  // A process that could not be made has no id, and 0 would be the whole group of this one.
  if (server.pid === 0) throw new Error(`workerd did not start:\n${server.complaints()}`)
  return { server, ports: await portsOf(server, sockets) }
}

/** Workerd writes one line of JSON for each socket that it listens on. */
async function portsOf<Socket extends string>(
  { control, complaints }: ServerProcess,
  sockets: readonly Socket[],
): Promise<Readonly<Record<Socket, number>>> {
  if (!control) throw new Error("workerd has no control descriptor")
  let said = ""
  const late = setTimeout(() => control.destroy(), START_WITHIN_MS)
  try {
    for await (const chunk of control) {
      said += String(chunk)
      const ports = Object.fromEntries(sockets.map((name) => [name, portIn(said, name)]))
      if (hasAll(ports, sockets)) return ports
    }
  } finally {
    clearTimeout(late)
  }
  throw new Error(`workerd did not start:\n${complaints()}`)
}

function portIn(said: string, socket: string): number | undefined {
  const port = new RegExp(`"socket": *"${socket}", *"port": *(\\d+)`).exec(said)?.[1]
  return port === undefined ? undefined : Number(port)
}

function hasAll<Socket extends string>(
  ports: Readonly<Record<string, number | undefined>>,
  sockets: readonly Socket[],
): ports is Readonly<Record<Socket, number>> {
  return sockets.every((name) => ports[name] !== undefined)
}

const text = (value: string): string => JSON.stringify(value)

/** A Worker of one module that needs nothing but what is in it. */
export function plainWorker(module: string, compatibilityDate: string, bindings: readonly string[] = []): string {
  return `(
      modules = [(name = "worker.js", esModule = embed ${text(module)})],
      compatibilityDate = ${text(compatibilityDate)},
      bindings = [${bindings.join(", ")}])`
}
