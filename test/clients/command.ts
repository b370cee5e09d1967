/** A client's own command. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"

export type Run = (command: string, ...args: readonly string[]) => Promise<string>

/** @param home in which it is also started */
export const runsIn =
  (home: string, env: Readonly<Record<string, string>>): Run =>
  async (command, ...args) => {
    const running = promisify(execFile)(command, args, {
      cwd: home,
      env: { PATH: process.env["PATH"] ?? "", HOME: home, ...env },
      timeout: 30_000,
    })
    running.child.stdin?.end()
    const { stdout, stderr } = await running
    return stdout + stderr
  }
