/** `docs/security/cryptography.md` has the algorithms and secrets that the code has. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { ALGORITHMS } from "../../src/core/keys/algorithm.ts"
import { ROOT } from "./bare-workerd.ts"

const read = (file: string): string => readFileSync(join(ROOT, file), "utf8")
const page = read("docs/security/cryptography.md")

/** Second cell of the row that begins with this one. */
function algorithmsOf(what: string): readonly string[] {
  const row = page.split("\n").find((line) => line.startsWith(`| ${what} `)) ?? ""
  return (row.split("|")[2] ?? "").split(",").map((name) => name.trim())
}

test("what others may sign with is in the table of algorithms", () => {
  expect(algorithmsOf("tokens of issuers, assertions of agents, events").toSorted()).toEqual(
    Object.keys(ALGORITHMS).toSorted(),
  )
})

test("and so is what proofs of possession may be signed with", () => {
  // Its module is one for workerd.
  const [, list = ""] = /PROOF_ALGORITHMS = \[([^\]]+)\]/.exec(read("src/credentials/dpop.ts")) ?? []
  expect(algorithmsOf("DPoP proofs, hand-overs")).toEqual(Array.from(list.matchAll(/\w+/g), ([name]) => name))
})

test("each secret of the Worker's configuration is in the inventory", () => {
  const secrets = Array.from(
    read("src/platform/config.ts").matchAll(/^ {4}(CLAIM|\w+_SECRETS|\w+_KEYS\w*):/gm),
    ([, name = ""]) => name,
  )
  expect(secrets.length).toBeGreaterThan(5)
  expect(secrets.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})
