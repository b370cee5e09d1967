/** Every page of docs/guides/gateways/ registers its gateway as gateways.yaml takes it, and stands in the index. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { gatewaysFile } from "../../../cli/compiler/schema/gateways.ts"
import { DIALECT_NAMES } from "../../../src/core/policy/definition/gateways.ts"
import { entryOf } from "../../gateways/page.ts"

const PAGES = join(import.meta.dirname, "../../../docs/guides/gateways")
const index = readFileSync(join(PAGES, "README.md"), "utf8")

const pages = readdirSync(PAGES).filter((page) => page !== "README.md")

test.each(pages)("%s", (page) => {
  const read = gatewaysFile.safeParse({ gateways: [entryOf(page)] })
  expect(read.error?.issues).toBeUndefined()
  expect(index).toContain(`](${page})`)
  const [gateway] = read.data?.gateways ?? []
  expect(index.split("\n").find((line) => line.includes(`](${page})`))).toContain(`\`${gateway?.dialect}\``)
})

test("every dialect has a page that registers it", () => {
  const texts = pages.map((page) => readFileSync(join(PAGES, page), "utf8")).join("\n")
  const registered = DIALECT_NAMES.filter((dialect) => new RegExp(`\\bdialect: ${dialect}\\b`).test(texts))
  // AuthZEN is an API of its own, with a page beside these.
  expect(registered).toEqual(DIALECT_NAMES.filter((dialect) => dialect !== "authzen"))
})
