/** Runs a command of a runbook in a shell, as an operator would in a clone. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmod, mkdir, writeFile } from "node:fs/promises"
import { delimiter, join } from "node:path"
import { text } from "node:stream/consumers"
import { PACKAGE } from "../../cli/package.ts"

export interface Ran {
  readonly code: number | null
  /** Of both streams. */
  readonly output: string
}

/** `narrowgate publish` waits for a minute at most. */
const WITHIN_MS = 70_000

export async function runCommand(command: string, variables: ReadonlyMap<string, string>): Promise<Ran> {
  const child = spawn("bash", ["-c", `exec 2>&1\n${command}`], {
    cwd: PACKAGE,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, ...Object.fromEntries(variables) },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: WITHIN_MS,
  })
  const [output] = await Promise.all([text(child.stdout), once(child, "close")])
  return { code: child.exitCode, output: output.trimEnd() }
}

/**
 * The variables by which `npx narrowgate` is this clone's command. npx itself would take a second to find the same, and
 * sessions of an operator stay out of it.
 */
export async function operatorsShell(place: string): Promise<Map<string, string>> {
  const bin = join(place, "bin")
  await mkdir(bin)
  const npx = join(bin, "npx")
  const program = join(PACKAGE, "bin/narrowgate.ts")
  await writeFile(npx, `#!/bin/sh\nshift\nexec "${process.execPath}" "${program}" "$@"\n`)
  await chmod(npx, 0o755)
  return new Map([
    ["PATH", `${bin}${delimiter}${process.env["PATH"] ?? ""}`],
    ["HOME", place],
    ["XDG_CONFIG_HOME", join(place, "config")],
  ])
}
