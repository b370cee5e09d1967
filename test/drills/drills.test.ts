/** Each drill passes, carries out the commands of its runbook, and leaves nothing behind. */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { globSync, readFileSync } from "node:fs"
import { glob, mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { DRILLS } from "../../drills/table.ts"

const ROOT = join(import.meta.dirname, "../..")
const PAGE = readFileSync(join(ROOT, "docs/operate/runbooks.md"), "utf8")

interface Runbook {
  readonly anchor: string
  readonly drill: string | undefined
  readonly commands: readonly string[]
}

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, "")
    .replaceAll(" ", "-")

const [INTRODUCTION = "", ...SECTIONS] = PAGE.split(/^## /m)

const RUNBOOKS: readonly Runbook[] = SECTIONS.map((section) => {
  const [heading = ""] = section.split("\n", 1)
  const blocks = Array.from(section.matchAll(/^ *```sh\n([^]*?)^ *```/gm), ([, block = ""]) => block).join("\n")
  return {
    anchor: anchorOf(heading),
    drill: /^Drill: `npm run drill -- ([\w-]+)`$/m.exec(section)?.[1],
    commands: Array.from(blocks.matchAll(/^ *(npx narrowgate .*)$/gm), ([, command = ""]) => command),
  }
})

const PROGRAM = join(ROOT, "dev/drill.ts")

/** Of an operator's shell, in which production is administered. No drill may use it. */
const PRODUCTION = {
  NARROWGATE_URL: "https://authz.example",
  NARROWGATE_TOKEN: "of-production",
  NARROWGATE_PUBLISHER_KEY: "of-production",
  NARROWGATE_DIRECTORY: join(ROOT, "README.md"),
  PUBLISHER_KEYS: JSON.stringify({ keys: [] }),
}

interface Exit {
  readonly code: number | string | null | undefined
  readonly output: string
}

async function drill(...args: readonly string[]): Promise<Exit> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [PROGRAM, ...args],
      { env: { ...process.env, ...PRODUCTION } },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, output: stdout + stderr }),
    )
  })
}

test("each runbook names its drill, and each drill its runbook", () => {
  expect(RUNBOOKS.map(({ anchor, drill: name }) => `${anchor}: ${name}`).toSorted()).toEqual(
    DRILLS.map(({ name, runbook }) => `${runbook}: ${name}`).toSorted(),
  )
})

test("the table of what an operator sees leads to each runbook", () => {
  const targets = Array.from(INTRODUCTION.matchAll(/^\|.*\]\(#([^)]+)\)/gm), ([, anchor = ""]) => anchor)
  expect(targets.toSorted()).toEqual(RUNBOOKS.map(({ anchor }) => anchor).toSorted())
})

test("each drill that a page names is one", () => {
  const named = globSync(["*.md", "docs/**/*.md"], { cwd: ROOT }).flatMap((page) =>
    Array.from(
      readFileSync(join(ROOT, page), "utf8").matchAll(/npm run drill -- ([a-z-]+)/g),
      ([, name = ""]) => `${page}: ${name}`,
    ),
  )
  expect(named.length).toBeGreaterThan(DRILLS.length)
  expect(named.filter((each) => !DRILLS.some(({ name }) => each.endsWith(`: ${name}`)))).toEqual([])
})

test.each(DRILLS)(
  "$name carries out the commands of its runbook, all of them, in its order, and no other",
  ({ runbook, commands }) => {
    const written = RUNBOOKS.find(({ anchor }) => anchor === runbook)?.commands ?? []
    expect([...new Set(written)]).toEqual([...new Set(commands)])
  },
)

test("without a name they are listed; one that there is not is an error", async () => {
  const { code, output } = await drill()
  expect(code).toBe(0)
  for (const { name, practises } of DRILLS) expect(output).toMatch(new RegExp(`^${name} +${practises}$`, "m"))
  expect(await drill("earthquake")).toEqual({ code: 2, output: expect.stringMatching(/no drill earthquake[^]*fix:/) })
})

describe.concurrent("performed", () => {
  test.each(DRILLS)("$name has the effect of each step", { timeout: 180_000 }, async ({ name }) => {
    const { code, output } = await drill(name)
    expect(code, output).toBe(0)
    expect(output).toMatch(/\d+ steps, and each had its effect/)
  })
})

describe("interrupted", { timeout: 120_000 }, () => {
  test.each([
    ["while it starts", async (directory: string) => isWritten("narrowgate-drill-*/state/publisher.jwk", directory)],
    ["at a step", async (_directory: string, output: string) => output.includes(" 2  ")],
  ])("%s, it leaves no file behind", async (_when, isReached) => {
    const directory = await mkdtemp(join(tmpdir(), "narrowgate-interrupted-"))
    onTestFinished(async () => rm(directory, { recursive: true, force: true }))
    const child = spawn(process.execPath, [PROGRAM, "rogue-agent"], { env: { ...process.env, TMPDIR: directory } })
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
    await expect.poll(async () => isReached(directory, output), { timeout: 60_000 }).toBe(true)
    child.kill("SIGINT")
    expect(await once(child, "close")).toEqual([130, null])
    expect((await readdir(directory)).filter((name) => name.startsWith("narrowgate-"))).toEqual([])
  })
})

async function isWritten(file: string, directory: string): Promise<boolean> {
  return (await Array.fromAsync(glob(file, { cwd: directory }))).length > 0
}
