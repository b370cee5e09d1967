/** What the command asks of a person, at a real pseudo-terminal, where the system can make one. */
import { spawn, spawnSync } from "node:child_process"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { afterEach, beforeEach, expect, it } from "vitest"
import { MAIN } from "./run.ts"

/** util-linux's `script`; that of others takes its arguments in another way. */
const TERMINAL = "script"
const hasTerminal = spawnSync(TERMINAL, ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux")

const DOCUMENT = `openapi: "3.1.0"
info: { title: Shop, version: "1" }
paths:
  /orders: { get: { operationId: orders.list, responses: { "200": { description: ok } } } }
  /orders/clear: { post: { operationId: orders.clear, responses: { "200": { description: ok } } } }
`

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-terminal-"))
  await writeFile(join(directory, "shop.yaml"), DOCUMENT)
})
afterEach(() => rm(directory, { recursive: true }))

/** Types each answer once its question stands there. */
async function atTerminal(args: readonly string[], answers: readonly (readonly [question: string, answer: string])[]) {
  const command = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(" ")
  // A new one is so narrow that each letter has a line of its own.
  const line = `stty cols 120 rows 40 && ${command}`
  const env = { PATH: process.env["PATH"], HOME: directory, TERM: "xterm", SHELL: "/bin/sh" }
  const child = spawn(TERMINAL, ["-qec", line, "/dev/null"], { cwd: directory, env })
  let shown = ""
  const left = [...answers]
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += stripVTControlCharacters(text)
    const [next] = left
    if (!next || !shown.includes(next[0])) return
    left.shift()
    child.stdin.write(next[1])
  })
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve))
  return { code, shown, unasked: left.map(([question]) => question) }
}

const ENTER = "\r"
const DOWN_AND_ENTER = "\u001B[B\r"
const CONTROL_C = "\u0003"

it.skipIf(!hasTerminal)(
  "init asks for what no flag says, suggests an answer, and writes what was answered",
  async () => {
    const { code, shown, unasked } = await atTerminal(
      ["init", "mine", "--openapi", "shop.yaml", "--agent", "spiffe://example.org/agent/clerk"],
      [
        ["A short name for it", ENTER],
        ["Where agents call the gateway", ENTER],
        ["Take these suggestions?", ENTER],
        ["Tools that change something?", DOWN_AND_ENTER],
        ["Who answers for the agent", `shop team${ENTER}`],
        ["What the agent does with it", ENTER],
        ["The group of people", ENTER],
        ["What stands before it?", DOWN_AND_ENTER],
      ],
    )
    expect({ code, unasked }, shown).toEqual({ code: 0, unasked: [] })
    expect(await readFile(join(directory, "mine/agents.yaml"), "utf8")).toContain("owner: shop team\n")
    expect(await readFile(join(directory, "mine/gateways.yaml"), "utf8")).toContain("dialect: nginx\n")
    expect(await readFile(join(directory, "mine/limits.cedar"), "utf8")).toContain("changes-need-a-fresh-login")
  },
)

it.skipIf(!hasTerminal)("init lets nothing out after a confidential read, by the labels that were given", async () => {
  const { code, shown, unasked } = await atTerminal(
    ["init", "mine", "--openapi", "shop.yaml", "--agent", "spiffe://example.org/agent/clerk", "--gateway", "envoy"],
    [
      ["A short name for it", ENTER],
      ["Where agents call the gateway", ENTER],
      ["Take these suggestions?", DOWN_AND_ENTER],
      ["[read internal]", `reads:confidential${ENTER}`],
      ["[write internal]", `sink:external${ENTER}`],
      ["Tools that change something?", ENTER],
      ["Who answers for the agent", ENTER],
      ["What the agent does with it", ENTER],
      ["The group of people", ENTER],
    ],
  )
  expect({ code, unasked }, shown).toEqual({ code: 0, unasked: [] })
  expect(await readFile(join(directory, "mine/limits.cedar"), "utf8")).toContain(
    '\n@id("no-external-after-confidential")\n',
  )
  const tested = spawnSync(process.execPath, [MAIN, "test", "mine"], { cwd: directory, encoding: "utf8" })
  expect(tested.status, tested.stdout).toBe(0)
  expect(await readFile(join(directory, "mine/access.test.yaml"), "utf8")).toContain("nothing leaves the house")
})

it.skipIf(!hasTerminal)("init writes nothing for somebody who leaves", async () => {
  const { code, shown } = await atTerminal(["init", "mine", "--openapi", "shop.yaml"], [["A short name", CONTROL_C]])
  expect({ code, shown }).toEqual({ code: 1, shown: expect.stringContaining("nothing is written, as you have left") })
  expect(await readdir(directory)).toEqual(["shop.yaml"])
})
