/**
 * Starts a real gateway with the configuration of its page. For tests and benchmarks alike:
 *
 * ```ts
 * for (const row of GATEWAYS.filter(installed)) {
 *   const gateway = await startGateway(row, { authorizer: stack.origin, key, upstream: "http://127.0.0.1:9000" })
 *   await fetch(`${gateway.origin}/crm/tickets/42`) // where `host` is "127.0.0.1"
 *   await gateway.close()
 * }
 * ```
 *
 * All that the gateway gets and Narrowgate allows goes to `upstream`, target and all. Clients must call it by the name
 * `host`, by default `api.example` as on the pages: a client that cannot set `Host` (fetch, the clients of MCP) needs
 * `host: "127.0.0.1"`. The gateway has to be registered with Narrowgate under `key` (`developmentKey(id)` in a local
 * stack): `entryOf(row.page)` is the entry for gateways.yaml that the page shows, its dialect, `body` and
 * `request_id_header`. Where the gateways are found: installed.ts, install.sh.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { filled, gatewayPages } from "../../cli/guides/gateway-page.ts"
import { loopbackCommand } from "../../cli/guides/loopback.ts"
import { accepting, twoFreePorts, type Listening } from "../../dev/loopback.ts"
import { find } from "./installed.ts"
import { replaceAll } from "./page.ts"
import type { Place, Row } from "./row.ts"

export interface GatewayOptions {
  /** Origins, as `http://127.0.0.1:PORT`. */
  readonly authorizer: string
  readonly upstream: string
  readonly key: string
  readonly host?: string
  /** 0, and absent: a free one. */
  readonly port?: number
  /** Another configuration that `narrowgate gateway config` prints, by file name. Absent: that of one upstream. */
  readonly printed?: {
    readonly files: (directory: string) => Promise<ReadonlyMap<string, string>>
    /** Its text is changed by `Row.printed`; otherwise it runs as it is. */
    readonly withTls: boolean
  }
  /** For the gateway's process, beside those of its row. */
  readonly environment?: Readonly<Record<string, string>>
  /** Makes another configuration of the page's, on purpose: file by file. */
  readonly spoil?: (name: string, text: string) => string
}

export interface RunningGateway extends Listening {
  readonly port: number
  readonly host: string
  /** What it has said so far. */
  readonly log: () => string
}

export const installed = (row: Row): boolean => find(row.program, row.needs ?? []) !== null

/** Time to be ready: machines are busy, and some load much. */
const READY_WITHIN_MS = 30_000
/** Time to end by itself; what is left then is killed. */
const END_WITHIN_MS = 3_000

export async function startGateway(row: Row, options: GatewayOptions): Promise<RunningGateway> {
  const found = find(row.program, row.needs ?? [])
  if (found === null) throw new Error(`${row.name} is not installed`)
  const { host = "api.example", key, spoil = (_name: string, text: string) => text } = options
  // A path of a socket may have some hundred characters: the name is short.
  const directory = mkdtempSync(join(tmpdir(), `ng-${row.name}-`))
  const port = options.port ? options.port : await twoFreePorts()
  const place: Place = {
    ...found,
    directory,
    port,
    innerPort: port + 1,
    host,
    key,
    authorizer: new URL(options.authorizer).host,
    upstream: new URL(options.upstream).host,
  }
  const log = join(directory, "output")
  const running = (): string => readFileSync(log, "utf8")
  let child: ChildProcess | undefined
  const close = async (): Promise<void> => {
    if (child) await endGroup(child)
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await write(row, place, spoil, options.printed)
    child = spawnGroup(row, place, log, options.environment)
    await accepting(child, place.port, running)
    // A gateway with TLS answers nothing here that says whether it is ready.
    if (!options.printed?.withTls) await ready(row, place, running)
    return { origin: `http://127.0.0.1:${place.port}`, port: place.port, host, log: running, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function write(
  row: Row,
  place: Place,
  spoil: (name: string, text: string) => string,
  printed: GatewayOptions["printed"],
): Promise<void> {
  const { directory, key } = place
  // Apache, started as root, serves as somebody else, who has to get at its script.
  chmodSync(directory, 0o755)
  const given = await (printed ? printed.files(directory) : printedOfPage(row, place))
  const files = printed?.withTls ? replaceAll(given, row.printed(place)) : given
  for (const [name, text] of files) {
    // On loopback Apache's script contains the key.
    const isSecret = printed?.withTls && text.includes(key)
    writeFileSync(join(directory, name), spoil(name, text), { mode: isSecret ? 0o600 : 0o644 })
  }
}

/** What the command prints for one upstream, under any host. */
async function printedOfPage(
  { page: file }: Row,
  { directory, host, port, authorizer, upstream, key }: Place,
): Promise<ReadonlyMap<string, string>> {
  const page = (await gatewayPages()).find(({ name }) => `${name}.md` === file)
  if (!page) throw new Error(`no page ${file}`)
  const files = filled(page, {
    id: page.entry.id,
    origin: new URL(`http://${host}:${port}`),
    narrowgate: new URL(`http://${authorizer}`),
    upstreams: [{ name: "guarded", address: upstream, paths: [] }],
    directory,
    key,
  })
  return new Map(files.map(({ name, text }) => [name, text]))
}

/** As a person runs it, but with the libraries of this installation. */
function commandOf({ page }: Row, { directory, root }: Place): readonly string[] {
  const [, ...args] = loopbackCommand(page.replace(".md", ""), directory) ?? []
  return args.map((each) => each.replaceAll("/usr/lib/", `${root}/usr/lib/`))
}

/** In a process group of its own: children of Apache outlive their parent. */
function spawnGroup(row: Row, place: Place, log: string, more: GatewayOptions["environment"]): ChildProcess {
  const { program, directory } = place
  writeFileSync(log, "")
  const child = spawn("/bin/sh", ["-c", `exec "$0" "$@" >>"${log}" 2>&1`, program, ...commandOf(row, place)], {
    cwd: directory,
    env: { ...process.env, ...row.environment?.(place), ...more },
    stdio: "ignore",
    detached: true,
  })
  const end = (): void => signalGroup(child, "SIGKILL")
  process.once("exit", end)
  child.once("exit", () => process.off("exit", end))
  return child
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit")
    signalGroup(child, "SIGTERM")
    await Promise.race([gone, sleep(END_WITHIN_MS, undefined, { ref: false })])
    signalGroup(child, "SIGKILL")
    await gone
  }
  signalGroup(child, "SIGKILL")
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // All of it has ended.
  }
}

async function ready({ name, unready }: Row, { port, host }: Place, complaint: () => string): Promise<void> {
  if (unready === undefined) return
  for (const until = Date.now() + READY_WITHIN_MS; Date.now() < until; await sleep(50)) {
    if ((await bodyOf(port, host)) !== unready) return
  }
  throw new Error(`${name} still answers ${JSON.stringify(unready)}: ${complaint()}`)
}

async function bodyOf(port: number, host: string): Promise<string> {
  const asking = request({ host: "127.0.0.1", port, headers: { host }, agent: false }).end()
  const [response] = await once(asking, "response")
  return text(response)
}
