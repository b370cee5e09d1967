/** A directory in which everything of a run is, and a guard that ends and removes what is left of it in the end. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** From now on TMPDIR is the run's directory, for this process and those that it starts. */
export async function openRun(): Promise<AsyncDisposable> {
  const before = process.env["TMPDIR"]
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-run-"))
  const guard = fileURLToPath(new URL("guard.ts", import.meta.url))
  // In a session of its own: what interrupts the run must not end it.
  const child = spawn(process.execPath, [guard, directory], { stdio: ["pipe", "ignore", "ignore"], detached: true })
  await once(child, "spawn")
  process.env["TMPDIR"] = directory
  return {
    async [Symbol.asyncDispose]() {
      if (before === undefined) delete process.env["TMPDIR"]
      else process.env["TMPDIR"] = before
      const gone = once(child, "exit")
      child.stdin.end()
      await gone
    },
  }
}
