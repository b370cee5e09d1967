/** `narrowgate serve` of the built package as a process of its own, and what its log says. */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import type { JWK } from "jose"
import { compileBench, narrowgateOf, type Narrowgate } from "../../bench/servers/narrowgate.ts"
import { ISSUER, makeIdentities, ORIGIN, type Identities } from "../../bench/servers/identities.ts"
import { generatePublisherKey } from "../../cli/compiler/sign.ts"
import { publishTo } from "../../cli/remote/publish.ts"
import { digestOf } from "../../src/core/policy/digest.ts"
import { makeStaff, type Staff } from "../long/stack.ts"

const PROGRAM = join(import.meta.dirname, "../../build/narrowgate/bin/narrowgate.js")
const START_WITHIN_MS = 20_000

export interface LogLine {
  readonly at: string
  readonly event: string
  readonly [field: string]: unknown
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One process of `narrowgate serve`. */
export class Serving {
  readonly child: ChildProcess
  readonly lines: LogLine[] = []
  /** Of standard output, what is no line of JSON. */
  readonly others: string[] = []
  stderr = ""
  readonly #ended: Promise<unknown>

  constructor(args: readonly string[], cwd: string, env: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [PROGRAM, "serve", ...args], {
      cwd,
      env: { PATH: process.env["PATH"] ?? "", HOME: cwd, TMPDIR: cwd, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    })
    this.#ended = once(this.child, "close")
    const { stdout, stderr } = this.child
    if (!stdout || !stderr) throw new Error("it has no output")
    createInterface({ input: stdout }).on("line", (line) => {
      try {
        this.lines.push(JSON.parse(line))
      } catch {
        this.others.push(line)
      }
    })
    stderr.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()))
  }

  /** Waits for the event, the last of them if there are `count`. */
  async said(event: string, count = 1, within = START_WITHIN_MS): Promise<LogLine> {
    for (const until = Date.now() + within; Date.now() < until; await sleep(10)) {
      const found = this.lines.filter((line) => line.event === event)
      if (found.length >= count) return found[count - 1] ?? never()
      if (this.child.exitCode !== null || this.child.signalCode !== null) break
    }
    throw new Error(`it never said ${event}: ${JSON.stringify(this.lines.slice(-5))} ${this.stderr}`)
  }

  get serving(): LogLine {
    return this.lines.findLast(({ event }) => event === "serving") ?? never()
  }

  get port(): number {
    return Number(this.serving["port"])
  }

  /** Of workerd. */
  get pid(): number {
    return Number(this.serving["pid"])
  }

  async ended(): Promise<Ran> {
    await this.#ended
    return { code: this.child.exitCode, stdout: this.others.join("\n"), stderr: this.stderr }
  }

  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<Ran> {
    this.child.kill(signal)
    return this.ended()
  }
}

function never(): never {
  throw new Error("it has not said so")
}

/** A deployment of one machine with a directory of its own, a publisher, and who it believes. */
export interface Deployment {
  readonly place: string
  /** Of the process that runs. */
  readonly serving: Serving
  readonly narrowgate: Narrowgate
  readonly staff: Staff
  /** Private. */
  readonly publisherKey: JWK
  start(): Promise<Serving>
  /** Another command, `backup` or `restore`, or a second process. */
  run(...args: readonly string[]): Promise<Ran>
  /** The same, until it is ended. */
  begin(...args: readonly string[]): Serving
  /** The same with another directory. */
  runIn(directory: string, ...args: readonly string[]): Promise<Ran>
  /** Goes on with another directory; nothing may run. */
  moveTo(directory: string): void
  publish(): Promise<void>
  url(path: string): string
  remove(): Promise<void>
}

export interface Differing {
  /** Members of its configuration. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly directory?: string
  /** Whose key is configured: nobody's, so that the deployment is to be claimed. */
  readonly isUnclaimed?: boolean
  /** Of what is published, besides. */
  readonly change?: (policies: string) => Promise<void>
  readonly env?: Readonly<Record<string, string>>
}

export async function deploy(differing: Differing = {}): Promise<Deployment> {
  const { members = {}, directory = "data", change = async () => undefined } = differing
  const place = await mkdtemp(join(tmpdir(), "narrowgate-serve-"))
  const [publisher, identities, staff] = await Promise.all([generatePublisherKey(), makeIdentities(), makeStaff()])
  const configuration = { issuer: ISSUER, listen: "127.0.0.1:0", directory, ...members }
  // JSON is YAML.
  await writeFile(join(place, "narrowgate.yaml"), JSON.stringify(configuration))
  const keys = JSON.stringify({ keys: [publisher.publicJwk] })
  const env: Record<string, string> = { ...differing.env, ...(!differing.isUnclaimed && { PUBLISHER_KEYS: keys }) }
  let serving: Serving | undefined
  const current = (): Serving => serving ?? never()
  const start = async (): Promise<Serving> => {
    const begun = new Serving([], place, env)
    serving = begun
    await begun.said("serving")
    return begun
  }
  const runIn = async (other: string, ...args: readonly string[]): Promise<Ran> =>
    new Serving(args, place, { ...env, NARROWGATE_DIRECTORY: other }).ended()
  const narrowgate = narrowgateOf(
    {
      get workerd() {
        const { port, pid } = current()
        return {
          port,
          pid,
          inspector: null,
          directory: place,
          control: null,
          complaints: () => current().stderr,
          [Symbol.asyncDispose]: async () => undefined,
        }
      },
      restart: async () => void (await start()),
      [Symbol.asyncDispose]: async () => void (await current().end()),
    },
    identities,
  )
  const url = (path: string): string => `http://127.0.0.1:${current().port}${path}`
  return {
    place,
    narrowgate,
    staff,
    publisherKey: publisher.privateJwk,
    start,
    runIn,
    url,
    get serving() {
      return current()
    },
    begin: (...args) => new Serving(args, place, env),
    run: async (...args) => new Serving(args, place, env).ended(),
    moveTo: (other) => (env["NARROWGATE_DIRECTORY"] = other),
    async publish() {
      const changed = async (policies: string): Promise<void> => {
        await staff.extend(policies)
        await change(policies)
      }
      await publishBench(url(""), publisher.privateJwk, identities, changed)
      await untilReady(url("/readyz"))
    },
    async remove() {
      await serving?.end()
      await rm(place, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

const READY_WITHIN_MS = 10_000

/** @returns milliseconds until it decides, or until it is too late */
export async function untilReady(url: string, from = Date.now()): Promise<number> {
  for (;;) {
    const response = await fetch(url).catch(() => null)
    if (response?.status === 200 || Date.now() - from > READY_WITHIN_MS) return Date.now() - from
    await sleep(20)
  }
}

async function publishBench(
  url: string,
  key: JWK,
  identities: Identities,
  change: (policies: string) => Promise<void>,
): Promise<void> {
  const policies = mkdtempSync(join(tmpdir(), "narrowgate-policies-"))
  try {
    const bytes = await compileBench(policies, identities, {}, change)
    const digest = await digestOf(bytes)
    const reason = { by: "a test", why: "to try it" }
    await publishTo({ url, key, what: "pointer", digest, bytes, reason, over: "any", audience: ISSUER })
  } finally {
    await rm(policies, { recursive: true })
  }
}

/** A call of an agent, asked about as nginx does. */
export async function readTicket(deployment: Deployment, token: string): Promise<{ status: number; decision: string }> {
  const headers = {
    authorization: `Bearer ${token}`,
    "x-narrowgate-key": deployment.narrowgate.gatewayKey,
    "x-forwarded-method": "GET",
    "x-forwarded-uri": "/crm/tickets/T-1",
    "x-forwarded-host": new URL(ORIGIN).host,
  }
  const response = await fetch(deployment.url("/authz/forward"), { headers })
  return { status: response.status, decision: response.headers.get("x-narrowgate-decision") ?? "" }
}
