/** The test kit by the packed file alone, in a developer's own project, on a Node of theirs. */
import { appendFile, cp, mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { versionOf } from "../../cli/package.ts"
import { codeOf } from "../testing/guide.ts"
import { emptyPlace, ROOT, type Place, type Ran } from "./installed.ts"

/** Of the guide, by the name of the file under which it tells readers to save them. */
const GUIDE = join(ROOT, "docs/guides/testing-code.md")
const TESTS = ["mail.spec.ts", "mail-test.mjs", "agent.spec.ts"] as const

describe.each(["22", "24"])("on Node %s", (node) => {
  let there: Place
  const file = (...path: readonly string[]): string => join(there.directory, ...path)
  const install = async (...names: readonly string[]): Promise<Ran> =>
    there.run("npm", "install", "--no-audit", "--no-fund", "--save-exact", ...names)
  const packages = (...names: readonly string[]): string[] => names.map((name) => `${name}@${versionOf(name)}`)

  beforeAll(async () => {
    there = await emptyPlace(node)
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

  test("without miniflare it says what to install; with that, node:test runs it, and ends", async () => {
    const missing = await there.run("node", "--test", "mail-test.mjs")
    expect(missing.code).toBe(1)
    const [line = ""] = /npm install --save-dev --save-exact miniflare@[\w.-]+/u.exec(missing.stdout) ?? []
    const [, ...command] = line.split(" ")
    expect((await there.run("npm", ...command, "--no-audit", "--no-fund")).code).toBe(0)
    // By its own pattern, which takes no file of Vitest's.
    const { code, stdout } = await there.run("node", "--test")
    expect([code, stdout]).toEqual([0, expect.stringMatching(/pass [1-9]\d*\n/u)])
  }, 180_000)

  test("Vitest runs it with its matchers", async () => {
    expect((await install(...packages("vitest"))).code).toBe(0)
    const { code, stdout, stderr } = await there.run("npx", "vitest", "run")
    expect([code, stdout + stderr]).toEqual([0, expect.stringMatching(/Test Files {2}2 passed.*Tests {2}\d+ passed/su)])
  }, 180_000)

  test("in Cloudflare's pool for Vitest it is an auxiliary Worker", async () => {
    expect((await install(...packages("@cloudflare/vitest-plugin"))).code).toBe(0)
    await mkdir(file("pool"))
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
  }, 180_000)

  test.each([
    ["Node's types", ["node"], ["es2022"]],
    ["the DOM's", [], ["es2022", "dom", "dom.iterable"]],
    ["those of @cloudflare/workers-types", ["@cloudflare/workers-types"], ["es2022"]],
  ])(
    "its types are complete, with %s alone",
    async (_what, types, lib) => {
      if (types.length > 0)
        expect(
          (await install(...types.map((name) => (name === "node" ? (packages("@types/node")[0] ?? "") : name)))).code,
        ).toBe(0)
      expect((await install(...packages("typescript"))).code).toBe(0)
      const compilerOptions = {
        strict: true,
        noEmit: true,
        module: "nodenext",
        target: "es2022",
        lib,
        types,
        skipLibCheck: false,
      }
      await writeFile(file("tsconfig.json"), JSON.stringify({ compilerOptions, files: ["uses.ts"] }))
      await writeFile(file("uses.ts"), USES)
      const right = await there.run("npx", "tsc", "-p", ".")
      expect([right.code, right.stdout]).toEqual([0, ""])
      await appendFile(
        file("uses.ts"),
        "\nexport const wrong: number = (await startNarrowgate({ policies: 42 })).url\n",
      )
      expect((await there.run("npx", "tsc", "-p", ".")).stdout).toMatch(/error TS2322: Type 'number'/u)
    },
    180_000,
  )
})

const USES = `
import { assertDenied, narrowgateWorker, startNarrowgate, TaskDenied, type Decision } from "narrowgate/testing"
import { narrowgateBehind } from "narrowgate/testing/pool"

export async function use(): Promise<Decision> {
  const ng = await startNarrowgate({ policies: "policies", users: { alice: { groups: ["support"] } } })
  const task = await ng.task({ user: "alice", agent: "support", scope: ["mail.send:write"] })
  const decision = await ng.call(task, "mail.send", { to: "bob@example.org" })
  assertDenied(decision, "policy_denied")
  await ng.approve(decision, { as: { subject: "olivia", groups: ["operations"] } })
  const gateway = await ng.gateway("edge", { upstream: "http://127.0.0.1:9000" })
  await ng.deny(gateway.calls()[0] ?? gateway.url, { as: "olivia" })
  const time: Date = await ng.clock.advance("10 minutes")
  const [record] = await ng.records(task)
  const code: string | undefined = record?.code
  await ng[Symbol.asyncDispose]()
  const definition: { readonly name: string } = await narrowgateWorker({ policies: "policies" })
  const other = await narrowgateBehind({})
  const inPool: typeof fetch = other.gateway("edge", async (request) => new Response(request.url)).fetch
  await inPool(other.url)
  if (time.getTime() > 0 && code === definition.name) throw new TaskDenied("access_denied", other.url, null)
  return decision
}
`
