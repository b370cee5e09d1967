/** AgentDojo in a Python environment of its own, and one replay in it. */
import { execFile, execFileSync } from "node:child_process"
import { copyFile, mkdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { z } from "zod"
import type { Suite } from "./policies.ts"

const LOCK = join(import.meta.dirname, "requirements.lock")
const REPLAY = join(import.meta.dirname, "replay.py")
const PYTHON = process.env["PYTHON"] ?? "python3"
const MOST_OUTPUT = 2 ** 26

/** AGENTDOJO_VENV names one that has AgentDojo already. */
const ENVIRONMENT = join(import.meta.dirname, "../../.narrowgate/agentdojo")

const verdict = z.object({
  user_task: z.string(),
  solved: z.boolean(),
  attacked: z.boolean(),
  approvals: z.number(),
  denied: z.array(z.string()),
})
const replay = z.object({
  agentdojo: z.string(),
  version: z.string(),
  suite: z.string(),
  alone: z.array(verdict),
  attacked: z.array(verdict.extend({ injection_task: z.string(), by_words: z.boolean() })),
})
export type Replay = z.infer<typeof replay>

const run = promisify(execFile)

/** Null if this machine has no Python of the version that the lock file is for. */
export function findPython(): string | null {
  try {
    execFileSync(PYTHON, ["-c", "import ensurepip, venv, sys; assert sys.version_info >= (3, 11)"], { stdio: "ignore" })
    return PYTHON
  } catch {
    return null
  }
}

/** @returns the interpreter of an environment that has exactly what the lock file says */
export async function installAgentDojo(python: string): Promise<string> {
  const given = process.env["AGENTDOJO_VENV"]
  if (given !== undefined) return join(given, "bin/python")
  const interpreter = join(ENVIRONMENT, "bin/python")
  const installed = join(ENVIRONMENT, "requirements.lock")
  const [wanted, present] = await Promise.all([readFile(LOCK, "utf8"), readFile(installed, "utf8").catch(() => null)])
  if (wanted === present) return interpreter
  await rm(ENVIRONMENT, { recursive: true, force: true })
  await mkdir(ENVIRONMENT, { recursive: true })
  await run(python, ["-m", "venv", ENVIRONMENT])
  const install = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", "-r", LOCK]
  await run(interpreter, install, { maxBuffer: MOST_OUTPUT })
  await copyFile(LOCK, installed)
  return interpreter
}

/** @param url of what decides. Null: every call is executed */
export async function replaySuite(interpreter: string, suite: Suite, url: string | null): Promise<Replay> {
  const args = ["-i", interpreter, "-B", REPLAY, "--suite", suite, ...(url === null ? [] : ["--url", url])]
  // Suites need no key and no network: none of the caller's keys may be in reach of what is installed there.
  const { stdout } = await run("env", args, { maxBuffer: MOST_OUTPUT })
  return replay.parse(JSON.parse(stdout))
}
