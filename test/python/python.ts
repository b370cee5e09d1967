/**
 * Python with the published `mcp` package, each major version in a virtual environment of its own. If the system has no
 * Python with `venv`, the tests say so and are skipped, unless `PYTHON_REQUIRED` is set.
 */
import { execFile, execFileSync } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

/** @returns why there is no Python with `venv`; null if there is one */
export function missingPython(): string | null {
  try {
    execFileSync("python3", ["-c", "import sys, venv, ensurepip; assert sys.version_info >= (3, 11)"], {
      stdio: "ignore",
    })
    return null
  } catch {
    if (process.env["PYTHON_REQUIRED"] !== undefined) throw new Error("no python3 of version 3.11 or later with venv")
    return "there is no python3 of version 3.11 or later with venv"
  }
}

export interface Python {
  /** @returns the lines that the program in this folder prints */
  readonly run: (program: string, argument: string) => Promise<readonly string[]>
  readonly close: () => Promise<void>
}

/** @param requirements a file of this folder that names exact versions */
export async function installPython(requirements: string): Promise<Python> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-python-"))
  const close = async (): Promise<void> => rm(directory, { recursive: true, force: true })
  const python = join(directory, "bin", "python")
  try {
    await run("python3", ["-m", "venv", directory])
    const install = [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--no-compile",
      "--disable-pip-version-check",
      "--only-binary",
      ":all:",
    ]
    await run(python, [...install, "--requirement", join(import.meta.dirname, requirements)])
    return {
      async run(program, argument) {
        const { stdout } = await run(python, [join(import.meta.dirname, program), argument], { timeout: 40_000 })
        return stdout.split("\n").filter((line) => line !== "")
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
