/** The test kit by the packed file alone, in a developer's own project, on a Node of theirs. */
import { cp, mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { versionOf } from "../../cli/package.ts"
import { codeOf } from "../testing/guide.ts"
import { emptyPlace, NEWEST, OLDEST, ROOT, type Place, type Ran } from "./installed.ts"

/** Of the guide, by the name of the file under which it tells readers to save them. */
const GUIDE = join(ROOT, "docs/guides/testing-code.md")
const TESTS = ["mail.spec.ts", "mail-test.mjs", "agent.spec.ts"] as const

const NODES = [OLDEST, NEWEST] as const

// What is installed is the same for each Node.
let there: Place
const file = (...path: readonly string[]): string => join(there.directory, ...path)
const install = async (...names: readonly string[]): Promise<Ran> =>
  there.run("npm", "install", "--no-audit", "--no-fund", "--save-exact", ...names)
const packages = (...names: readonly string[]): string[] => names.map((name) => `${name}@${versionOf(name)}`)

beforeAll(async () => {
  there = await emptyPlace(NEWEST)
  await writeFile(
    file("package.json"),
    '{ "private": true, "type": "module", "allowScripts": { "workerd": true, "esbuild": true } }\n',
  )
  expect((await install(there.tarball)).code).toBe(0)
  await cp(file("node_modules/narrowgate/policies"), file("policies"), { recursive: true })
  for (const name of TESTS) await writeFile(file(name), await codeOf(GUIDE, name))
}, 180_000)
afterAll(async () => there[Symbol.asyncDispose]())

test("the Worker that is deployed has nothing of the one for tests", async () => {
  const workers = ["worker/index.js", "testing/worker/index.js"]
  const scripts = await Promise.all(
    workers.map(async (worker) => readFile(file("node_modules/narrowgate", worker), "utf8")),
  )
  expect(scripts.map((script) => /NARROWGATE_TEST|TestKit/u.test(script))).toEqual([false, true])
})

test("without miniflare it says what to install", async () => {
  const missing = await there.run("node", "--test", "mail-test.mjs")
  expect(missing.code).toBe(1)
  const [line = ""] = /npm install --save-dev --save-exact miniflare@[\w.-]+/u.exec(missing.stdout) ?? []
  const [, ...command] = line.split(" ")
  expect((await there.run("npm", ...command, "--no-audit", "--no-fund")).code).toBe(0)
  expect((await install(...packages("vitest", "@cloudflare/vitest-plugin"))).code).toBe(0)
}, 240_000)

test.each(NODES)("with that, node:test of Node %s runs it, and ends", async (node) => {
  there.use(node)
  // By its own pattern, which takes no file of Vitest's.
  const { code, stdout } = await there.run("node", "--test")
  expect([code, stdout]).toEqual([0, expect.stringMatching(/pass [1-9]\d*\n/u)])
})

test.each(NODES)("Vitest on Node %s runs it with its matchers", async (node) => {
  there.use(node)
  const { code, stdout, stderr } = await there.run("npx", "vitest", "run")
  expect([code, stdout + stderr]).toEqual([0, expect.stringMatching(/Test Files {2}2 passed.*Tests {2}\d+ passed/su)])
})

test.each(NODES)("in Cloudflare's pool for Vitest on Node %s it is an auxiliary Worker", async (node) => {
  there.use(node)
  await mkdir(file("pool"), { recursive: true })
  await cp(file("policies"), file("pool/policies"), { recursive: true })
  for (const name of ["vitest.config.ts", "worker.ts", "worker.spec.ts", "agent.spec.ts"])
    await writeFile(file("pool", name), await codeOf(GUIDE, `pool/${name}`))
  const gateways = await readFile(file("pool/policies/gateways.yaml"), "utf8")
  await writeFile(
    file("pool/policies/gateways.yaml"),
    gateways.replace("dialect: envoy", "dialect: worker").replace("request_id_header", "# "),
  )
  const { code, stdout, stderr } = await there.run("npx", "vitest", "run", "--root", "pool")
  expect([code, stdout + stderr]).toEqual([0, expect.stringMatching(/Tests {2}2 passed/u)])
})
