/**
 * What programs import of the package, compiled in projects of their own that have one set of types alone: of browsers, of
 * Node, of Workers as `@cloudflare/workers-types` has them, and as `wrangler types` writes them.
 */
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { PACKAGE, toolAt } from "../../cli/package.ts"
import { CONSUMERS, FRAMEWORKS } from "./consumers.ts"

const TREE = join(PACKAGE, "build/narrowgate")
const manifestSchema = z.object({ exports: z.record(z.string(), z.unknown()) })

interface Environment {
  readonly lib: readonly string[]
  readonly types: readonly string[]
  /** Packages of which the project has the types, beside Narrowgate. */
  readonly packages: readonly string[]
}

const ENVIRONMENTS: Readonly<Record<string, Environment>> = {
  "a browser": { lib: ["es2022", "dom", "dom.iterable"], types: [], packages: [] },
  Node: { lib: ["es2022"], types: ["node"], packages: ["@types/node"] },
  "@cloudflare/workers-types": {
    lib: ["es2022"],
    types: ["@cloudflare/workers-types"],
    packages: ["@cloudflare/workers-types"],
  },
  "wrangler types": { lib: ["es2022"], types: ["./worker-configuration.d.ts"], packages: [] },
}

/** Whose types the public ones name: npm installs it beside them. */
const DEPENDENCIES = ["jose"]

const OPTIONS = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  // Of Narrowgate's declarations too.
  skipLibCheck: false,
  module: "nodenext",
  target: "es2022",
}

/** A Worker that is bound to Narrowgate, for `wrangler types`. */
const WRANGLER = `name = "service"
main = "index.ts"
compatibility_date = "2026-10-01"
[[services]]
binding = "NARROWGATE"
service = "narrowgate"
entrypoint = "Authorizer"
`

let directory: string
let entries: readonly string[]
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-types-"))
  const { exports } = manifestSchema.parse(JSON.parse(await readFile(join(TREE, "package.json"), "utf8")))
  entries = Object.keys(exports)
    .map((name) => name.slice(2))
    .filter((name) => !/[.*]/.test(name))
}, 120_000)
afterAll(async () => rm(directory, { recursive: true, force: true }))

const run = async (cwd: string, file: string, ...args: readonly string[]): Promise<string> =>
  promisify(execFile)(process.execPath, [file, ...args], { cwd, maxBuffer: 16_777_216 }).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string; stderr?: string }) => `${error.stdout ?? ""}${error.stderr ?? ""}`,
  )

async function makeProject(name: string, files: Readonly<Record<string, string>>, more: readonly string[] = []) {
  const environment = ENVIRONMENTS[name]
  if (!environment) throw new Error("no such environment")
  const project = await mkdtemp(join(directory, "project-"))
  const { lib, types, packages } = environment
  await cp(TREE, join(project, "node_modules/narrowgate"), { recursive: true })
  for (const each of [...DEPENDENCIES, ...packages, ...more]) {
    const to = join(project, "node_modules", each)
    await mkdir(dirname(to), { recursive: true })
    await symlink(join(PACKAGE, "node_modules", each), to)
  }
  const all = {
    "package.json": '{ "type": "module" }',
    "tsconfig.json": JSON.stringify({
      compilerOptions: { ...OPTIONS, lib, types },
      include: ["*.ts"],
    }),
    ...(name === "wrangler types" && { "wrangler.toml": WRANGLER, "index.ts": "export default {}\n" }),
    ...files,
  }
  for (const [path, text] of Object.entries(all)) await writeFile(join(project, path), text)
  if (name === "wrangler types") await run(project, toolAt("wrangler", "bin/wrangler.js"), "types")
  return project
}

/** What the compiler says of the project's files and of Narrowgate's: the declarations of others are not ours to check. */
async function compile(project: string): Promise<readonly string[]> {
  const said = await run(project, toolAt("typescript", "bin/tsc"), "-p", ".")
  return said.split("\n").filter((line) => /^(?:[\w-]+\.ts|node_modules\/narrowgate\/\S+)\(/.test(line))
}

/** An entry whose consumer nobody has written is imported at least. */
const consumerOf = (entry: string): string =>
  CONSUMERS[entry] ?? `import * as entry from "narrowgate/${entry}"\nexport const names: object = entry\n`

describe.each(Object.keys(ENVIRONMENTS))("with the types of %s alone", (name) => {
  test("every entry compiles, its declarations too", async () => {
    const files = Object.fromEntries(entries.map((entry) => [`${entry.replaceAll("/", "-")}.ts`, consumerOf(entry)]))
    expect(await compile(await makeProject(name, files))).toEqual([])
  })
})

test.each(["wrangler types", "@cloudflare/workers-types"])("a binding is taken as %s types it", async (name) => {
  const env =
    name === "wrangler types" ? "declare const env: Env" : "declare const env: { readonly NARROWGATE: Service }"
  const text = `
import { authorizerOf, bindingDecisions, type Decisions, type WorkerAnswer } from "narrowgate/server"
import { narrowgateBehind } from "narrowgate/testing/pool"
${env}
const [key, endpoint] = ["k", "https://mcp.example/mcp"]
export const decisions: Decisions = bindingDecisions({ authorizer: env.NARROWGATE, key, endpoint })
export const settled: Promise<WorkerAnswer> = authorizerOf(env.NARROWGATE).settle({ key, decision: "d", task: "t" })
export const narrowgate = narrowgateBehind(env.NARROWGATE)
`
  expect(await compile(await makeProject(name, { "binding.ts": text }))).toEqual([])
})

test("a denial that was not awaited is no denial, nor is none", async () => {
  const wrong = `import { denialOf, toModel } from "narrowgate/client"
toModel(denialOf("x"))
toModel(await denialOf("x"))
if (denialOf("x")) {
}
`
  const said = await compile(await makeProject("Node", { "wrong.ts": wrong }))
  expect(said.map((line) => line.slice(0, 11))).toEqual(["wrong.ts(2,", "wrong.ts(3,", "wrong.ts(4,"])
})

test.each([
  ["server", 'import { honoMiddleware } from "narrowgate/server"\nhonoMiddleware({ issuer: 7 })\n'],
  ["testing", 'import { startNarrowgate } from "narrowgate/testing"\nstartNarrowgate({ policies: 42 })\n'],
  [
    "testing",
    'import type { TestNarrowgate } from "narrowgate/testing"\nexport const url: (of: TestNarrowgate) => number = ({ url: of }) => of\n',
  ],
])("a project that uses the entry %s wrongly does not compile: %s", async (_entry, wrong) => {
  const said = await compile(await makeProject("a browser", { "wrong.ts": wrong }))
  expect(said).toEqual([expect.stringContaining("wrong.ts(2,")])
})

test("the middleware and the guard fit the frameworks' own types", async () => {
  const packages = ["hono", "@types/express", "zod", "@modelcontextprotocol"]
  expect(await compile(await makeProject("Node", { "frameworks.ts": FRAMEWORKS }, packages))).toEqual([])
})
