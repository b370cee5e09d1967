/** Each drill passes, and does what its runbook says: no other command, and none of the runbook's is left out. */
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
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

const RUNBOOKS: readonly Runbook[] = PAGE.split(/^## /m)
  .slice(1)
  .map((section) => {
    const [heading = ""] = section.split("\n", 1)
    const blocks = Array.from(section.matchAll(/^ *```sh\n([^]*?)^ *```/gm), ([, block = ""]) => block).join("\n")
    return {
      anchor: anchorOf(heading),
      drill: /^Drill: `npm run drill -- ([\w-]+)`$/m.exec(section)?.[1],
      commands: Array.from(blocks.matchAll(/^ *(npx narrowgate .*)$/gm), ([, command = ""]) => command),
    }
  })

interface Ran {
  readonly code: number | string | null | undefined
  readonly output: string
}

async function drill(...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, "dev/drill.ts"), ...args], (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, output: stdout + stderr }),
    )
  })
}

test("each runbook names its drill, and each drill its runbook", () => {
  expect(RUNBOOKS.map(({ anchor, drill: name }) => `${anchor}: ${name}`).toSorted()).toEqual(
    DRILLS.map(({ name, runbook }) => `${runbook}: ${name}`).toSorted(),
  )
})

test.each(DRILLS)(
  "$name carries out the commands of its runbook, all of them and no other",
  ({ runbook, commands }) => {
    const written = RUNBOOKS.find(({ anchor }) => anchor === runbook)?.commands ?? []
    expect([...new Set(written)].toSorted()).toEqual([...new Set(commands)].toSorted())
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
