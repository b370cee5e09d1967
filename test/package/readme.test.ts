/**
 * The three short paths of README.md, pasted as they stand there: from an empty directory outside the repository, with
 * the packed file alone. Only the path of that file is another. The ports are those that the text names.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { refuseTakenPort } from "../../dev/loopback.ts"
import { emptyPlace, NEWEST, ROOT, type Place } from "./installed.ts"

const README = readFileSync(join(ROOT, "README.md"), "utf8")
const PORTS = [3001, 8080, 8787, 8788]
const START_WITHIN_MS = 180_000

/** What is to be pasted under a heading, in its order: commands, or a file that its first line names. */
function pastes(heading: string): readonly string[] {
  const section = README.split(/^## /mu).find((each) => each.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`README.md has no heading ${heading}`)
  return Array.from(section.matchAll(/^```(?:sh|js)\n(.*?)^```$/gmsu), ([, code = ""]) => code)
}

const GATEWAY = pastes("I run a gateway")
const AGENT = pastes("I build an agent")
const TESTS = pastes("I test locally")
const [INSTALL = ""] = /^npm install .*build\/narrowgate-\*\.tgz$/mu.exec(README) ?? []

describe.runIf(process.platform === "linux")("pasted", () => {
  let there: Place
  let stack: ChildProcess | undefined
  let said = ""

  /** A terminal into which it is pasted. It is the head of a group of processes, which ends as one. */
  const terminal = (commands: string): ChildProcess =>
    spawn("bash", ["-c", commands], {
      ...{ cwd: there.directory, env: there.env, detached: true },
      stdio: ["ignore", "pipe", "pipe"],
    })
  const paste = async (commands: string): Promise<string> => {
    const child = terminal(commands)
    let output = ""
    child.stdout?.on("data", (part: Buffer) => (output += String(part)))
    child.stderr?.on("data", (part: Buffer) => (output += String(part)))
    await once(child, "close")
    return output
  }
  const save = async (code: string, name: string): Promise<void> => {
    expect(code.split("\n", 1)).toEqual([`// ${name}`])
    await writeFile(join(there.directory, name), code)
  }
  const end = (signal: NodeJS.Signals): void => {
    if (stack?.pid !== undefined) process.kill(-stack.pid, signal)
  }

  beforeAll(async () => {
    for (const port of PORTS) await refuseTakenPort(port, "run this on a machine where it is free")
    there = await emptyPlace(NEWEST)
    const installed = await paste(INSTALL.replace(/\S+$/u, there.tarball))
    expect(installed).toMatch(/^\s*added \d+ packages in \S+\s*$/u)
  }, START_WITHIN_MS)
  afterAll(async () => {
    end("SIGTERM")
    // Only when each process of the group has ended, and nothing writes any more.
    if (stack) await once(stack, "close")
    await there[Symbol.asyncDispose]()
  })

  test(
    "I run a gateway",
    async () => {
      const [start = "", calls = "", own = "", ...others] = GATEWAY
      expect(others).toEqual([])
      stack = terminal(start)
      stack.stdout?.on("data", (part: Buffer) => (said += String(part)))
      stack.stderr?.on("data", (part: Buffer) => (said += String(part)))
      await expect.poll(() => said, { timeout: START_WITHIN_MS }).toMatch(/^Behind a gateway .*\n/mu)
      expect(said).not.toMatch(/^(?:npm )?error/mu)
      const output = await paste(calls)
      expect(output).toMatch(/^allowed .*everything\.echo/mu)
      expect(output).toContain("Echo: hello")
      expect(output).toMatch(/^denied .*everything\.get-env.*\n {2}insufficient_scope$/mu)
      // Of the list of decisions, in the line that says it.
      expect(output).toMatch(/ deny .*everything\.get-env/u)
      expect(await paste(own)).toMatch(/^static_resources:\n[^]*authz\.example/mu)
    },
    START_WITHIN_MS * 2,
  )

  test(
    "I build an agent",
    async () => {
      const [commands = "", agent = "", ...others] = AGENT
      expect(others).toEqual([])
      await save(agent, "agent.mjs")
      expect(await paste(commands)).toMatch(/\n\[ \{ type: 'text', text: 'Echo: hello' \} \]\n$/u)
    },
    START_WITHIN_MS,
  )

  test(
    "I test locally",
    async () => {
      const [tests = "", command = "", ...others] = TESTS
      expect(others).toEqual([])
      await save(tests, "policies.test.mjs")
      expect(await paste(command)).toMatch(/pass 1\n.*fail 0\n/su)
    },
    START_WITHIN_MS,
  )
})
