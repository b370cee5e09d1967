/** The command as a process, as people run it. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { expect } from "vitest"

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export const MAIN = join(import.meta.dirname, "../../../bin/narrowgate.ts")
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

/** Arguments with which a command fails: how it ends, and what it then says on stderr. */
export type Failures = readonly (readonly [args: readonly string[], code: number, told: string])[]

/** A command that fails says why, and shows no stack. */
export async function expectFailures(
  command: (...args: readonly string[]) => Promise<Ran>,
  failures: Failures,
): Promise<void> {
  for (const [args, code, told] of failures) {
    const answer = await command(...args)
    expect([answer.code, answer.stderr]).toEqual([code, expect.stringContaining(told)])
    expect(answer.stderr).not.toContain("    at ")
  }
}
