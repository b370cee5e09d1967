/** Ends the runtimes of this process with it, however it ends: a test run that is killed has no time to end them itself. */
import { ChildProcess, spawn } from "node:child_process"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { basename } from "node:path"

let isWatching = false

/** Every `workerd` that this process starts from now on. */
export function endRuntimesWithUs(): void {
  if (isWatching) return
  isWatching = true
  subscribe(STARTED, (message) => {
    const child = childIn(message)
    child?.once("spawn", () => {
      if (isRuntime(child)) guard(child).on("error", () => undefined)
    })
  })
}

/**
 * The next `workerd` of this process has read its configuration, which is longer than what a pipe holds: from then on this
 * process may be busy while it starts.
 */
export async function configuredRuntime(): Promise<void> {
  return new Promise((resolve) => {
    const watch = (message: unknown): void => {
      const child = childIn(message)
      child?.once("spawn", () => {
        if (!isRuntime(child)) return
        unsubscribe(STARTED, watch)
        child.stdin?.once("finish", resolve)
      })
    }
    subscribe(STARTED, watch)
  })
}

const STARTED = "child_process"

const isRuntime = ({ spawnfile }: ChildProcess): boolean => basename(spawnfile).startsWith("workerd")

/**
 * Kills a runtime when this process is gone. The pipe to the guard's standard input ends with this process, whatever has
 * ended that. The guard is in a session of its own, because an interrupt at the terminal goes to every process there.
 *
 * @returns the guard, which emits `error` if it cannot be run
 */
export function guard(runtime: ChildProcess): ChildProcess {
  const script = 'read -r _; kill -KILL "$1"'
  const guarding = spawn("/bin/sh", ["-c", script, "narrowgate-guard", String(runtime.pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  })
  guarding.unref()
  Reflect.get(guarding.stdin ?? {}, "unref")?.call(guarding.stdin)
  runtime.once("exit", () => guarding.kill("SIGKILL"))
  return guarding
}

function childIn(message: unknown): ChildProcess | null {
  const child: unknown = Reflect.get(Object(message), "process")
  return child instanceof ChildProcess ? child : null
}
