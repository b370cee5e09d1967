/** A server as a child process: started, waited for, ended with the process that started it, its last words kept. */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import type { Readable } from "node:stream"

const READY_WITHIN_MS = 15_000
const END_WITHIN_MS = 2_000
const KEPT_CHARACTERS = 2_000

export interface ServerProcess extends AsyncDisposable {
  /** The end of what it wrote to standard output and error. */
  readonly complaints: () => string
  /** Of its descriptor 3, where one was asked for. */
  readonly control: Readable | null
  readonly pid: number
}

export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly directory?: string
}

export function startProcess({ command, args, environment = {}, directory }: ServerCommand): ServerProcess {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    // Nothing of the caller's environment may change what is measured.
    env: { PATH: process.env["PATH"] ?? "", HOME: directory ?? "/nonexistent", ...environment },
    ...(directory === undefined ? {} : { cwd: directory }),
  })
  let tail = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-KEPT_CHARACTERS)))
  }
  child.once("error", (error) => (tail += String(error)))
  const orphan = (): boolean => child.kill("SIGKILL")
  process.once("exit", orphan)
  const control = child.stdio[3]
  return {
    complaints: () => tail.trim(),
    control: control && "read" in control ? control : null,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      process.off("exit", orphan)
      await end(child)
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  const force = setTimeout(() => child.kill("SIGKILL"), END_WITHIN_MS)
  await ended
  clearTimeout(force)
}

/** Resolves with what `ready` gives once it gives anything; throws with the server's last words where it never does. */
export async function waitFor<Value>(
  server: ServerProcess,
  ready: () => Promise<Value | null>,
  within = READY_WITHIN_MS,
): Promise<Value> {
  const until = performance.now() + within
  for (;;) {
    const value = await ready().catch(() => null)
    if (value !== null) return value
    if (performance.now() > until) throw new Error(`a server did not start:\n${server.complaints()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
