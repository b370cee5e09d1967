/** `docs/reference/faults.md` claims no test that does not exist. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { ROOT } from "./bare-workerd.ts"
import { missingTests, unfolded, type ClaimedTest } from "./claimed-tests.ts"

const PROMISES = 7
const CELLS = ["tested", "not tested", "–"]

interface Fault {
  readonly name: string
  readonly cells: readonly string[]
}

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^a-z ]/g, "")
    .replaceAll(" ", "-")

/** Rows of the table whose first cell links to a section. */
function faultsIn(page: string): readonly Fault[] {
  return Array.from(page.matchAll(/^\| \[([^\]]+)\]\(#([^)]+)\) *\|(.*)\|$/gm), ([, name = "", anchor, rest = ""]) => {
    expect(anchor).toBe(anchorOf(name))
    return { name, cells: rest.split("|").map((cell) => cell.trim()) }
  })
}

interface Claim extends ClaimedTest {
  readonly promises: readonly number[]
}

function claimsOf(page: string, { name }: Fault): readonly Claim[] {
  const [, rest = ""] = page.split(`\n### ${name}\n`, 2)
  const [section = ""] = rest.split("\n### ", 1)
  return Array.from(
    unfolded(section).matchAll(/^- ([\d, ]+): `([^`]+)`: "(.+)"$/gm),
    ([, promises = "", file = "", title = ""]) => ({
      promises: promises.split(", ").map(Number),
      file,
      title,
    }),
  )
}

test("each cell of the table of faults is what its tests say, and each test exists", async () => {
  const page = await readFile(join(ROOT, "docs/reference/faults.md"), "utf8")
  const faults = faultsIn(page)
  expect(faults.length).toBeGreaterThan(15)
  for (const fault of faults) {
    const claims = claimsOf(page, fault)
    expect(await missingTests(claims)).toEqual([])
    expect([fault.name, fault.cells.length]).toEqual([fault.name, PROMISES])
    for (const [index, cell] of fault.cells.entries()) {
      expect(CELLS, `${fault.name}, ${index + 1}`).toContain(cell)
      const isClaimed = claims.some(({ promises }) => promises.includes(index + 1))
      expect([fault.name, index + 1, isClaimed]).toEqual([fault.name, index + 1, cell === "tested"])
    }
  }
})
