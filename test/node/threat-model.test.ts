/** `docs/security/threat-model.md` says of each attacker what is done and what is left, and claims no test that does not exist. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, test } from "vitest"
import { ROOT } from "./bare-workerd.ts"
import { missingTests, unfolded, type ClaimedTest } from "./claimed-tests.ts"

const PARTS = ["Threat", "Control", "Residual risk", "Tests"]

const page = readFileSync(join(ROOT, "docs/security/threat-model.md"), "utf8")

const partOf = (heading: string): string => (page.split(`\n## ${heading}\n`, 2)[1] ?? "").split("\n## ", 1)[0] ?? ""

/** By the names of the threats. */
const threats = new Map(
  partOf("Threats")
    .split("\n### ")
    .slice(1)
    .map((section) => {
      const [name = "", ...lines] = section.split("\n")
      return [name, lines.join("\n")]
    }),
)

const testsIn = (section: string): readonly ClaimedTest[] =>
  Array.from(
    unfolded(section).matchAll(/^ +- \[`([^`]+)`\]\(\.\.\/\.\.\/([^)]+)\): "(.+)"$/gm),
    ([, file = "", link = "", title = ""]) => {
      expect(link).toBe(file)
      return { file, title }
    },
  )

test("each attacker has a threat, and the other way round", () => {
  const attackers = Array.from(partOf("Attackers").matchAll(/^\| \[([^\]]+)\]\(#/gm), ([, name = ""]) => name)
  expect(attackers.length).toBeGreaterThan(15)
  expect(attackers).toEqual([...threats.keys()])
})

describe.each([...threats])("%s", (_name, section) => {
  it("has a control, a residual risk and tests", () => {
    expect(Array.from(section.matchAll(/^- \*\*([^*]+)\*\*:/gm), ([, part]) => part)).toEqual(PARTS)
  })

  it("names tests that exist, and nothing else as a test", async () => {
    const claims = testsIn(section)
    expect(claims.length).toBeGreaterThan(0)
    expect(claims.length).toBe((section.split("**Tests**:")[1] ?? "").match(/^ +- /gm)?.length)
    expect(await missingTests(claims)).toEqual([])
  })
})
