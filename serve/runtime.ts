/** One process of workerd: started, configured before others may send requests, and ended. */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { request } from "node:http"
import { createRequire } from "node:module"
import { resolve } from "node:path"
import type { Readable } from "node:stream"
import { text as textOf } from "node:stream/consumers"
import { z } from "zod"
import { installCommand, requireGlibc, versionOf } from "../cli/package.ts"
import { Failure } from "../cli/terminal/failure.ts"
import { guard } from "../dev/watch-runtimes.ts"
import type { RuntimeProcess } from "./directory.ts"
import { log, logLinesOf } from "./log.ts"

export interface Runtime {
  readonly pid: number
  /** Of the public socket; null if it has none. */
  readonly port: number | null
  /** Resolves with what ended it. */
  readonly ended: Promise<Ending>
  /** Sends it what serve/worker/control.ts understands. */
  control(body: unknown): Promise<z.infer<typeof beginSchema>>
  /** No new request is accepted; those in progress have this long. */
  stop(seconds: number): Promise<void>
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Why it could not be run at all. */
  readonly error: string | null
}

const START_WITHIN_MS = 30_000
/** A restore waits until every lease has run out. */
const CONTROL_WITHIN_MS = 30_000
const STOP_BEGINS_WITHIN_MS = 1_000
const MOST_LINES = 20

/**
 * @param config path of workerd's configuration
 * @param socket path of its control socket
 */
export async function startRuntime(
  config: string,
  socket: string,
  bindings: Readonly<Record<string, string>>,
  isPublic: boolean,
  note: (runtime: RuntimeProcess) => void,
): Promise<Runtime> {
  const args = ["serve", config, "--experimental", "--control-fd=3", "--import-path=/"]
  const child = spawn(workerdBinary(), args, {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: { HOME: "/nonexistent", ...bindings },
    // A signal of the terminal reaches this process, which then stops it in order.
    detached: true,
  })
  const ended = endOf(child)
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr])
    if (stream) logLinesOf(stream, (line) => lines.splice(0, Math.max(0, lines.push(line) - MOST_LINES)))
  const { pid } = child
  if (pid === undefined) throw new Failure(`workerd cannot be run: ${(await ended).error}`, PLATFORMS)
  // The directory would stay in use if workerd outlived this process.
  guard(child).once("error", () => child.kill("SIGKILL"))
  note({ pid, argument: config })
  const sockets = isPublic ? ["control", "http"] : ["control"]
  const ports = await listening(child, sockets)
  if (!ports) {
    child.kill("SIGKILL")
    await ended
    throw new Failure(`workerd did not start:\n${lines.join("\n")}`, fixFor(lines))
  }
  return {
    pid,
    port: ports["http"] ?? null,
    ended,
    control: async (body) => post(socket, JSON.stringify(body)),
    async stop(seconds) {
      if (isPublic && seconds > 0) await beginStop(socket)
      child.kill("SIGTERM")
      const late = setTimeout(() => {
        log("stop_late", { seconds })
        child.kill("SIGKILL")
      }, seconds * 1_000)
      await ended
      clearTimeout(late)
    },
  }
}

/** The binary itself: the package's command is a script around it. */
function workerdBinary(): string {
  requireGlibc()
  const wanted = versionOf("workerd")
  for (const from of [import.meta.filename, resolve("package.json")]) {
    try {
      const require = createRequire(from)
      const { version }: { readonly version: string } = require("workerd/package.json")
      if (version !== wanted) continue
      const { default: binary }: { readonly default: string } = require("workerd")
      if (existsSync(binary)) return binary
    } catch {
      // It is not there.
    }
  }
  throw new Failure(
    `this needs workerd ${wanted}, which is not installed`,
    `Install it: ${installCommand(["workerd"])}\nObjects on disk may be stored in another way by any other version.`,
  )
}

const PLATFORMS = "workerd runs on Linux with glibc 2.35 or newer (x64, arm64) and on macOS; not on Alpine."

async function endOf(child: ChildProcess): Promise<Ending> {
  return new Promise((done) => {
    child.once("error", (error) => done({ code: null, signal: null, error: error.message }))
    child.once("exit", (code, signal) => done({ code, signal, error: null }))
  })
}

/** workerd writes one line of JSON for each socket that it listens on. Null if it ends, or takes too long. */
async function listening(child: ChildProcess, sockets: readonly string[]): Promise<Record<string, number> | null> {
  const control = child.stdio[3]
  if (!control || !("read" in control)) throw new Error("workerd has no control descriptor")
  return Promise.race([portsIn(control, sockets), once(child, "exit").then(() => null), late()])
}

async function portsIn(control: Readable, sockets: readonly string[]): Promise<Record<string, number> | null> {
  let text = ""
  for await (const chunk of control) {
    text += String(chunk)
    const found = Array.from(
      text.matchAll(/"socket": *"(\w+)", *"port": *(\d+)/g),
      ([, name = "", port]) => [name, Number(port)] as const,
    )
    if (sockets.every((name) => found.some(([each]) => each === name))) return Object.fromEntries(found)
  }
  return null
}

async function late(): Promise<null> {
  return new Promise((done) => setTimeout(() => done(null), START_WITHIN_MS).unref())
}

function fixFor(lines: readonly string[]): string {
  if (lines.some((line) => /in use/i.test(line)))
    return "Another process listens there: set `listen` to another address."
  if (lines.some((line) => /GLIBC|not found/.test(line))) return PLATFORMS
  return "The lines above are workerd's own."
}

/** Begins a request on which workerd waits until records are sent. If that fails, workerd ends without it. */
async function beginStop(socketPath: string): Promise<void> {
  const sent = request({ socketPath, path: "/stop", method: "POST" })
  // It may be killed meanwhile.
  sent.on("error", () => undefined)
  sent.end()
  try {
    const [response] = await once(sent, "response", { signal: AbortSignal.timeout(STOP_BEGINS_WITHIN_MS) })
    response.on("error", () => undefined).resume()
  } catch {
    sent.destroy()
  }
}

/** `BeginResult` of serve/worker/control.ts. */
const beginSchema = z.object({ unclaimed: z.boolean() })

async function post(socketPath: string, body: string): Promise<z.infer<typeof beginSchema>> {
  const sent = request({ socketPath, path: "/", method: "POST", timeout: CONTROL_WITHIN_MS })
  sent.end(body)
  const [response] = await once(sent, "response")
  const text = await textOf(response)
  if (response.statusCode !== 200) throw new Error(`the Worker did not begin: ${response.statusCode} ${text}`)
  return beginSchema.parse(JSON.parse(text))
}
