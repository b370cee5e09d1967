/** Runs a command of a runbook in a shell, as an operator would in a clone. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, writeFile } from "node:fs/promises"
import { delimiter, join } from "node:path"
import { text } from "node:stream/consumers"
import { PACKAGE } from "../../cli/package.ts"
import { endWithUs } from "../loopback.ts"

export interface CommandResult {
  readonly code: number | null
  /** Of both streams. */
  readonly output: string
}

/** `narrowgate publish` waits for a minute at most. */
const WITHIN_MS = 70_000

export async function runCommand(command: string, variables: ReadonlyMap<string, string>): Promise<CommandResult> {
  const child = spawn("bash", ["-c", `exec 2>&1\n${command}`], {
    cwd: PACKAGE,
    env: Object.fromEntries(variables),
    stdio: ["ignore", "pipe", "inherit"],
    timeout: WITHIN_MS,
  })
  endWithUs(child)
  const [output] = await Promise.all([text(child.stdout), once(child, "close")])
  return { code: child.exitCode, output: output.trimEnd() }
}

/**
 * The whole environment of the processes of a drill. `npx narrowgate` is this clone's command: npx itself would take a
 * second to find the same. Nothing is inherited but `PATH`, because the person who runs the drill may have variables and
 * sessions of production, such as `NARROWGATE_DIRECTORY`.
 */
export async function drillEnvironment(directory: string): Promise<Map<string, string>> {
  const bin = join(directory, "bin")
  await mkdir(bin)
  const npx = join(bin, "npx")
  const program = join(PACKAGE, "bin/narrowgate.ts")
  await writeFile(npx, `#!/bin/sh\nshift\nexec "${process.execPath}" "${program}" "$@"\n`, { mode: 0o755 })
  return new Map([
    ["PATH", `${bin}${delimiter}${process.env["PATH"] ?? ""}`],
    ["HOME", directory],
    ["TMPDIR", directory],
    ["NO_COLOR", "1"],
  ])
}
