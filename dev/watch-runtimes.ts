/** Ends the runtimes of this process with it, however it ends: a test run that is killed has no time to end them itself. */
import { ChildProcess, spawn } from "node:child_process"
import { subscribe } from "node:diagnostics_channel"
import { basename } from "node:path"

let isWatching = false

/** Every `workerd` that this process starts from now on. */
export function endRuntimesWithUs(): void {
  if (isWatching) return
  isWatching = true
  subscribe("child_process", (message) => {
    const child = childIn(message)
    child?.once("spawn", () => {
      if (basename(child.spawnfile).startsWith("workerd")) watch(child)
    })
  })
}

/**
 * The pipe to its standard input ends with this process, whatever has ended that. In a session of its own, because an
 * interrupt at the terminal goes to every process of the test run.
 */
function watch(runtime: ChildProcess): void {
  const script = `read -r _; kill -9 ${runtime.pid}`
  const watcher = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true })
  watcher.unref()
  Reflect.get(watcher.stdin ?? {}, "unref")?.call(watcher.stdin)
  watcher.on("error", () => undefined)
  runtime.once("exit", () => watcher.kill("SIGKILL"))
}

function childIn(message: unknown): ChildProcess | null {
  const child: unknown = Reflect.get(Object(message), "process")
  return child instanceof ChildProcess ? child : null
}
