/** AgentDojo in a Python environment of its own, and one replay in it. */
import { execFile } from "node:child_process"
import { copyFile, mkdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { z } from "zod"
import { endWithUs } from "../../dev/loopback.ts"
import { hasPython, PYTHON } from "../../dev/python.ts"
import type { Suite } from "./policies.ts"

const LOCK = join(import.meta.dirname, "requirements.lock")
const REPLAY = join(import.meta.dirname, "replay.py")
const MOST_OUTPUT = 2 ** 26

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

/** Runs a program, and ends it if this process exits first. */
async function run(program: string, args: readonly string[]): Promise<string> {
  const running = promisify(execFile)(program, args, { maxBuffer: MOST_OUTPUT })
  endWithUs(running.child)
  return (await running).stdout
}

/**
 * AGENTDOJO_VENV names an environment that has AgentDojo already.
 *
 * @returns the interpreter of an environment that has what the lock file says
 */
export async function installAgentDojo(): Promise<string> {
  const given = process.env["AGENTDOJO_VENV"]
  if (given !== undefined) return join(given, "bin/python")
  if (!hasPython()) throw new Error("it needs Python 3.11 or newer with venv; PYTHON names another one than python3")
  const interpreter = join(ENVIRONMENT, "bin/python")
  const installed = join(ENVIRONMENT, "requirements.lock")
  const [wanted, present] = await Promise.all([readFile(LOCK, "utf8"), readFile(installed, "utf8").catch(() => null)])
  if (wanted === present) return interpreter
  await rm(ENVIRONMENT, { recursive: true, force: true })
  await mkdir(ENVIRONMENT, { recursive: true })
  await run(PYTHON, ["-m", "venv", ENVIRONMENT])
  const install = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", "-r", LOCK]
  await run(interpreter, install)
  await copyFile(LOCK, installed)
  return interpreter
}

/** @param url of what decides. Null: every call is executed */
export async function replaySuite(interpreter: string, suite: Suite, url: string | null): Promise<Replay> {
  const args = ["-i", interpreter, "-B", REPLAY, "--suite", suite, ...(url === null ? [] : ["--url", url])]
  // Suites need no key and no network, so the installed packages get nothing of the caller's environment.
  return replay.parse(JSON.parse(await run("env", args)))
}
