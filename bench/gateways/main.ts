/**
 * `npm run bench:gateways`: what asking Narrowgate adds to the latency of each gateway that is installed, as the table
 * of docs/guides/gateways/README.md has it. All parts share one machine, so what counts is the difference between two
 * columns of one run, never a figure by itself.
 */
import { readFile, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { join } from "node:path"
import { parse } from "yaml"
import { z } from "zod"
import { freePort, listen, type Listening } from "../../dev/loopback.ts"
import { entryOf } from "../../test/gateways/page.ts"
import type { Row } from "../../test/gateways/row.ts"
import { installed, startGateway } from "../../test/gateways/start.ts"
import { GATEWAYS } from "../../test/gateways/table.ts"
import { openTrees, READ_TICKET } from "../benchmarks/trees.ts"
import { Lab, PACES } from "../lab.ts"
import type { SeenOpen } from "../load/load.ts"
import { prepare, type PreparedRequest } from "../load/request.ts"
import { startNarrowgate, type Task } from "../servers/narrowgate.ts"
import { PLAIN } from "./plain.ts"

const HOST = "127.0.0.1"
/** Well below what any of them bears. */
const PER_SECOND = 100
const CONNECTIONS = 8
const WARM_UP_MS = 3_000
/** Not so long that a server would part from a connection that has served it: nginx does after a thousand requests. */
const MEASURED_MS = 8_000
const TREES = 8
const FOUND = { status: 200, contains: "crm" } as const

const registered = z.object({ gateways: z.tuple([z.looseObject({})]) })

await using lab = await Lab.open(PACES.full, () => undefined)
await using _upstream = disposable(await startUpstream())
const upstream = _upstream.origin
const direct = await measured(Number(new URL(upstream).port), [askingFor(null)])
console.log(row("gateway", "without p50", "p99", "with p50", "p99", "added p50", "p99"))
console.log(row("---", "---", "---", "---", "---", "---", "---"))
console.log(row("none: the server itself", ms(direct.p50), ms(direct.p99), "", "", "", ""))
for (const gateway of GATEWAYS) {
  if (installed(gateway)) console.log(await compared(gateway))
  else console.log(row(gateway.name, "not installed", "", "", "", "", ""))
}
process.exit(0)

async function compared(gateway: Row): Promise<string> {
  const { dialect, body, request_id_header } = entryOf(gateway.page)
  await using narrowgate = await startNarrowgate(lab, null, async (directory) => {
    const file = join(directory, "gateways.yaml")
    const { gateways } = registered.parse(parse(await readFile(file, "utf8")))
    await writeFile(file, JSON.stringify({ gateways: [{ ...gateways[0], dialect, body, request_id_header }] }))
  })
  const tasks = await openTrees(narrowgate, TREES)
  const options = {
    authorizer: `http://${HOST}:${narrowgate.workerd.port}`,
    key: narrowgate.gatewayKey,
    upstream,
    host: HOST,
  }
  const port = await freePort()
  const between = { port, upstream: new URL(upstream).host }
  const plain = PLAIN[gateway.name]
  if (!plain) throw new Error(`${gateway.name} is not known without authorization`)
  const spoil = (file: string, text: string): string => keptAlive(file, plain(text, between, file))
  const without = await through(gateway, { ...options, port, spoil }, [askingFor(null)])
  const guarded = await through(gateway, { ...options, spoil: keptAlive }, tasks.map(askingFor))
  const added = [guarded.p50 - without.p50, guarded.p99 - without.p99].map(ms)
  return row(gateway.name, ...[without, guarded].flatMap(({ p50, p99 }) => [ms(p50), ms(p99)]), ...added)
}

/** Apache parts from a connection after a hundred requests; a new one is not what is measured. */
function keptAlive(file: string, text: string): string {
  return file === "httpd.conf" ? `${text}\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60\n` : text
}

async function through(
  gateway: Row,
  options: Parameters<typeof startGateway>[1],
  requests: readonly PreparedRequest[],
): Promise<SeenOpen> {
  await using running = disposable(await startGateway(gateway, options))
  return await measured(running.port, requests)
}

async function measured(port: number, requests: readonly PreparedRequest[]): Promise<SeenOpen> {
  const job = { port, requests, connections: CONNECTIONS, perSecond: PER_SECOND }
  await lab.load.runOpen({ ...job, milliseconds: WARM_UP_MS })
  const seen = await lab.load.runOpen({ ...job, milliseconds: MEASURED_MS })
  const [failure] = seen.failures
  if (failure !== undefined) throw new Error(failure)
  return seen
}

function askingFor(task: Task | null): PreparedRequest {
  const headers: Record<string, string> = task === null ? {} : { authorization: `Bearer ${task.token}` }
  return prepare({ method: "GET", path: READ_TICKET, headers: { host: HOST, ...headers } }, FOUND)
}

/** Answers at once. */
async function startUpstream(): Promise<Listening> {
  const server = createServer((_request, response) => response.end("crm"))
  // Connections of which few are needed wait for long.
  server.keepAliveTimeout = 0
  return listen(server, 0)
}

function disposable<Part extends Pick<Listening, "close">>(part: Part): Part & AsyncDisposable {
  return Object.assign(part, { [Symbol.asyncDispose]: part.close })
}

function ms(milliseconds: number): string {
  return `${milliseconds.toFixed(2)} ms`
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`
}
