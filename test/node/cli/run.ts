/** The command as a process, as people run it. */
import { execFile } from "node:child_process"
import { join } from "node:path"

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export const MAIN = join(import.meta.dirname, "../../../cli/main.ts")
const TIMEOUT_MS = 60_000

export async function run(
  cwd: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const env = { PATH: process.env["PATH"], HOME: cwd, NO_COLOR: "1", ...more }
  return new Promise((resolve) => {
    const options = { cwd, env, timeout: TIMEOUT_MS }
    const child = execFile(process.execPath, [MAIN, ...args], options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr })
    })
  })
}
