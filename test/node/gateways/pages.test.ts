/** Every page of docs/guides/gateways/ registers its gateway as gateways.yaml takes it, and stands in the index. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { gatewaysFile } from "../../../cli/compiler/schema/gateways.ts"
import { entryOf } from "../../gateways/page.ts"

const PAGES = join(import.meta.dirname, "../../../docs/guides/gateways")
const index = readFileSync(join(PAGES, "README.md"), "utf8")

test.each(readdirSync(PAGES).filter((page) => page !== "README.md"))("%s", (page) => {
  const read = gatewaysFile.safeParse({ gateways: [entryOf(page)] })
  expect(read.error?.issues).toBeUndefined()
  expect(index).toContain(`](${page})`)
  const [gateway] = read.data?.gateways ?? []
  expect(index.split("\n").find((line) => line.includes(`](${page})`))).toContain(`\`${gateway?.dialect}\``)
})
