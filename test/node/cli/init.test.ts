/** `narrowgate init` as a newcomer runs it: what it writes checks, and is served at once by the local stack. */
import { createHash } from "node:crypto"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { DIALECT_NAMES } from "../../../src/core/policy/definition/gateways.ts"
import { freePort, twoFreePorts } from "../../../dev/loopback.ts"
import { startOwnGateways } from "../../../dev/own-gateways.ts"
import { startStack } from "../../../dev/stack.ts"
import { startApi, startEverything, type Upstream } from "../../../dev/upstreams.ts"
import { VERSION, versionOf } from "../../../cli/package.ts"
import { run, type Ran } from "./run.ts"

const ROOT = join(import.meta.dirname, "../../..")
const STACK_MS = 120_000
const AGENT = "spiffe://example.org/agent/assistant"

let everything: Upstream
beforeAll(async () => {
  everything = await startEverything({ port: 0 })
})
afterAll(() => everything.close())

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-init-"))
})
afterEach(() => rm(directory, { recursive: true }))

const narrowgate = (...args: string[]): Promise<Ran> => run(directory, args)
const initMcp = (...more: string[]): Promise<Ran> =>
  narrowgate("init", "mine", "--mcp", everything.url, "--server", "everything", "--yes", ...more)
const written = (file: string): Promise<string> => readFile(join(directory, "mine", file), "utf8")

describe("of a real MCP server", () => {
  it("writes what checks without a word, and says what to run next", async () => {
    const { code, stdout } = await initMcp()
    expect(code).toBe(0)
    expect(stdout).toMatch(/\n {2}read +restricted +everything\.get-env {2}\(readOnlyHint; mentions "env"\)\n/u)
    expect(stdout).toMatch(
      /\nNext:\n {2}npm install\n {2}narrowgate check mine\n {2}narrowgate dev --policies mine --gateway\n {2}narrowgate try everything\.echo --arguments '\{"message":"1"\}' .*\n$/u,
    )
    const checked = await narrowgate("check", "mine")
    expect(checked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^mine: 6 rules, .*; no problems\n$/u) })
    expect((await readdir(directory)).toSorted()).toEqual([".gitignore", "mine", "package.json"])
  })

  it("says how to get a gateway with TLS, for which the local stack has none", async () => {
    const { stdout } = await initMcp("--origin", "https://localhost:9443")
    expect(stdout).toMatch(
      /\nNext:\n.*\n.*\n {2}narrowgate gateway config edge --policies mine --url <.*\n {2}narrowgate dev --policies mine\n {2}narrowgate try /u,
    )
  })

  it("counts one tool as one", async () => {
    const paths = { "/orders": { get: { operationId: "list", responses: { 200: { description: "all" } } } } }
    const document = { openapi: "3.1.0", info: { title: "shop", version: "1" }, paths }
    await writeFile(join(directory, "one.json"), JSON.stringify(document))
    const { stdout } = await narrowgate("init", "mine", "--openapi", "one.json", "--server", "shop", "--yes")
    expect(stdout).toContain("\n  permitted  1 tool that only reads\n")
  })

  it("says why each tool has its class, and what may be called", async () => {
    const { stdout } = await initMcp()
    expect(stdout).toContain("\n  permitted  21 tools that only read\n")
    expect(stdout).toContain(
      "\n  permitted  4 tools that may change something, not yet: access.cedar has rules for them in comments\n",
    )
    expect(stdout).toContain("\n  denied     1 tool above `internal`\n")
    const catalog = await written("catalog.yaml")
    expect(catalog).toContain("    action: write # write: destructiveHint: false\n")
    expect(catalog).toMatch(
      /name: everything\.get-env\n {4}action: read # read: readOnlyHint\n {4}sensitivity: restricted # mentions "env"\n/u,
    )
  })

  it("declares the arguments, so that a rule can read them at once", async () => {
    await initMcp()
    expect(await written("schema.cedarschema")).toMatch(/\n {2}a\?: decimal,\n.*\n {2}message\?: String,\n/su)
    const limits = `${await written("limits.cedar")}
@id("small-sums")
forbid (principal, action == Action::"read", resource == Tool::"everything.get-sum")
unless { context.arguments has a && context.arguments.a.lessThan(decimal("49.99")) };
`
    await writeFile(join(directory, "mine/limits.cedar"), limits)
    const checked = await narrowgate("check", "mine")
    expect(checked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^mine: 7 rules, .*; no problems\n$/u) })
  })

  it("prints the gateway's key once, and keeps its hash alone", async () => {
    const { stdout } = await initMcp()
    const key = /ngk_[\w-]{43}/u.exec(stdout)?.[0] ?? ""
    expect(await written("gateways.yaml")).toContain(`[${createHash("sha256").update(key).digest("hex")}]`)
    for (const file of await readdir(join(directory, "mine"))) {
      if (file !== ".schemas") expect(await written(file), file).not.toContain(key)
    }
  })

  it("names the schema of each file that has one, and brings it along", async () => {
    await initMcp()
    for (const file of ["catalog", "agents", "gateways", "issuers", "guardrails", "operators"]) {
      const [line] = (await written(`${file}.yaml`)).split("\n")
      expect(line).toBe(`# yaml-language-server: $schema=.schemas/${file}.schema.json`)
      expect(await written(`.schemas/${file}.schema.json`)).toContain(`"title": "${file}.yaml"`)
    }
  })

  it("pins what it takes, and can be gone on with by an import", async () => {
    await initMcp()
    const again = await narrowgate("import", "mcp", everything.url, "--policies", "mine", "--server", "everything")
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing to change, not a byte") })
  })

  it("has a rule on the order of calls, which holds once tools have the labels that it reads", async () => {
    await initMcp()
    const [limits, catalog] = [await written("limits.cedar"), await written("catalog.yaml")]
    const begin = limits.indexOf('// @id("no-external-after-confidential")')
    const rule = limits.slice(begin).replaceAll(/^\/\/ ?/gmu, "")
    await writeFile(join(directory, "mine/limits.cedar"), limits.slice(0, begin) + rule)
    const unlabelled = await narrowgate("check", "mine")
    expect([unlabelled.code, unlabelled.stdout]).toEqual([1, expect.stringContaining("is no label of a tool")])
    const tool = "name: everything.get-sum\n"
    expect([begin > 0, catalog]).toEqual([true, expect.stringContaining(tool)])
    const labelled = catalog.replace(tool, `${tool}    labels: [reads:confidential]\n`)
    await writeFile(join(directory, "mine/catalog.yaml"), labelled)
    const checked = await narrowgate("check", "mine")
    expect(checked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^mine: 7 rules, .*; no problems\n$/u) })
  })

  it("is all there as JSON", async () => {
    const { code, stdout } = await initMcp("--json", "--sensitivity", "confidential")
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      directory: "mine",
      classes: { "everything.get-env": { action: "read", sensitivity: "confidential" } },
      project: { written: ["package.json", ".gitignore"], unchanged: [], install: "npm install" },
      next: ["npm install", expect.any(String), expect.any(String), expect.any(String)],
    })
  })
})

const here = (file: string): Promise<string> => readFile(join(directory, file), "utf8")

describe("the directory that it stands in", () => {
  it("gets a package.json with exact versions, by which the command is this one", async () => {
    await initMcp()
    const manifest: unknown = JSON.parse(await here("package.json"))
    expect(manifest).toMatchObject({
      private: true,
      scripts: { dev: 'narrowgate dev --gateway --policies "mine"', test: 'narrowgate test "mine"' },
      devDependencies: { narrowgate: VERSION, miniflare: versionOf("miniflare") },
    })
    for (const version of Object.values(
      z.object({ devDependencies: z.record(z.string(), z.string()) }).parse(manifest).devDependencies,
    ))
      expect(version).toMatch(/^\d+\.\d+\.\d+/u)
    expect(await here(".gitignore")).toBe("node_modules/\n.narrowgate/\n*.jwk\n")
  })

  it.each([
    ["lacks all", "{}", ["narrowgate", "miniflare", "oidc-provider"]],
    ["lacks some", '{ "devDependencies": { "narrowgate": "*" } }', ["miniflare", "oidc-provider"]],
    ["has all", '{ "dependencies": { "narrowgate": "1", "miniflare": "1", "oidc-provider": "1" } }', []],
    ["is Narrowgate's own", '{ "name": "narrowgate" }', []],
    ["is no JSON", "{", ["narrowgate", "miniflare", "oidc-provider"]],
  ])("keeps its package.json, which %s", async (_what, manifest, missing) => {
    await writeFile(join(directory, "package.json"), manifest)
    const { stdout } = await initMcp()
    const exact = missing.map((name) => `${name}@${name === "narrowgate" ? VERSION : versionOf(name)}`)
    const install = missing.length === 0 ? "" : `  npm install --save-dev --save-exact ${exact.join(" ")}\n`
    expect(stdout).toContain(`\nNext:\n${install}  narrowgate check mine\n`)
    expect(await here("package.json")).toBe(manifest)
    expect((await readdir(directory)).toSorted()).toEqual(["mine", "package.json"])
  })
})

describe("a repository", () => {
  const initRepository = (...more: string[]): Promise<Ran> =>
    narrowgate("init", ...more, "--template", "--mcp", everything.url, "--server", "everything", "--yes")

  it("gets a workflow and a README besides, and keeps what it has", async () => {
    await writeFile(join(directory, "README.md"), "ours\n")
    const { code, stdout } = await initRepository()
    expect([code, stdout]).toEqual([0, expect.stringContaining("\nREADME.md: is there already, and is as it was\n")])
    expect(await here("README.md")).toBe("ours\n")
    const template = join(ROOT, "template/.github/workflows/policies.yaml")
    expect(await here(".github/workflows/policies.yaml")).toBe(await readFile(template, "utf8"))
    // Its workflow asks for as much.
    expect((await narrowgate("test", "--min-coverage", "100")).code).toBe(0)
  })

  it("keeps keys and packages out of git also where a package.json is", async () => {
    await writeFile(join(directory, "package.json"), "{}")
    const { stdout } = await initRepository()
    expect(stdout).toContain("\n.gitignore: written\n")
    expect(await here(".gitignore")).toBe("node_modules/\n.narrowgate/\n*.jwk\n")
  })

  it("has its policies in one place", async () => {
    const { code, stderr } = await initRepository("mine")
    expect([code, stderr]).toEqual([2, expect.stringContaining("a repository has its policies in policies")])
    expect(await readdir(directory)).toEqual([])
  })
})

describe("checks", () => {
  it.each(DIALECT_NAMES)("behind %s", async (dialect) => {
    const document = join(import.meta.dirname, "../import/shop-3.0.yaml")
    const args = ["--openapi", document, "--server", "shop", "--gateway", dialect, "--writes", "guarded", "--yes"]
    expect((await narrowgate("init", "mine", ...args)).code).toBe(0)
    expect((await narrowgate("check", "mine")).stdout).toMatch(/; no problems\n$/u)
  })

  it.each([
    ["a trust domain's", ["--agent", "spiffe://acme.example/a", "--spiffe-bundle", "https://spire.acme.example/b"]],
    ["an agent's own", ["--agent", "https://agents.example/a", "--agent-keys", "https://agents.example/jwks.json"]],
  ])("with another provider, and %s keys", async (_whose, args) => {
    const provider = ["--issuer", "https://idp.example", "--origin", "https://api.example", "--operator", "ann"]
    const { code, stdout } = await initMcp(...provider, ...args, "--writes", "guarded")
    expect(code).toBe(0)
    expect(stdout).toContain(
      'narrowgate publish mine --key publisher.jwk --url <the Worker\'s URL> --why "the first rules"',
    )
    expect((await narrowgate("check", "mine")).stdout).toMatch(/; no problems\n$/u)
    // The local stack knows nobody of that provider: its packages are of no use.
    expect(JSON.parse(await here("package.json"))).toMatchObject({
      scripts: { check: 'narrowgate check "mine"', test: 'narrowgate test "mine"' },
      devDependencies: { narrowgate: VERSION },
    })
    expect(await here("package.json")).not.toMatch(/miniflare|narrowgate dev/u)
  })
})

describe("its table guards each rule that it has written:", () => {
  const FAR = [
    "--issuer",
    "https://idp.example",
    "--origin",
    "https://api.example",
    "--agent",
    "spiffe://acme.example/a",
  ]
  const SPIFFE = ["--spiffe-bundle", "https://spire.acme.example/b"]
  const API = ["--openapi", join(ROOT, "test/node/import/shop-3.0.yaml"), "--server", "shop"]
  const mcp = () => ["--mcp", everything.url, "--server", "everything"]
  it.each<[string, () => readonly string[]]>([
    ["of an MCP server", () => mcp()],
    ["of an MCP server, with changes", () => [...mcp(), "--writes", "guarded"]],
    ["of an MCP server whose tools are all public", () => [...mcp(), "--sensitivity", "public"]],
    ["of an MCP server, with another provider", () => [...mcp(), ...FAR, ...SPIFFE, "--operator", "ann"]],
    ["of an MCP server, with another provider and no operator", () => [...mcp(), ...FAR, ...SPIFFE]],
    ["of an HTTP API", () => API],
    ["of an HTTP API, with changes", () => [...API, "--writes", "guarded"]],
    ["of a repository", () => [...mcp(), "--template"]],
  ])("%s", async (_what, args) => {
    const mine = args().includes("--template") ? "policies" : "mine"
    expect(await narrowgate("init", mine, ...args(), "--yes")).toMatchObject({ code: 0 })
    const { code, stdout } = await narrowgate("test", mine, "--mutate")
    expect(stdout).not.toContain("unnoticed")
    expect(stdout).toMatch(/: (\d+) of \1 broken rules noticed\n/u)
    expect(code).toBe(0)
  })
})

describe("served by the local stack", () => {
  it(
    "lets reads through for the one agent and group, and nothing else",
    async () => {
      await initMcp("--origin", `http://127.0.0.1:${await freePort()}`)
      await using served = await serve()
      const allowed = await served.attempt("everything.echo", "--user", "alice", "--arguments", '{"message":"hello"}')
      expect(allowed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^allowed {2}.*\n {2}Echo: hello\n$/u) })
      for (const tool of ["everything.toggle-simulated-logging", "everything.get-env"]) {
        const denied = await served.attempt(tool, "--user", "alice")
        expect(denied).toMatchObject({
          code: 1,
          stdout: expect.stringContaining("insufficient_scope\n  Narrowgate denied the call of "),
        })
      }
      const stranger = await served.attempt("everything.echo", "--user", "bob")
      expect(stranger).toMatchObject({ code: 1, stderr: expect.stringContaining("No scope can be granted") })
    },
    STACK_MS,
  )

  it(
    "lets changes through after a fresh login, behind Traefik's way of asking",
    async () => {
      const origin = `http://127.0.0.1:${await freePort()}`
      await initMcp("--origin", origin, "--writes", "guarded", "--gateway", "traefik")
      await using served = await serve()
      const toggle: [string, ...string[]] = [
        "everything.toggle-simulated-logging",
        "--user",
        "alice",
        "--scope",
        "everything.*:write",
      ]
      const weak = await served.attempt(...toggle)
      expect(weak).toMatchObject({ code: 1, stdout: expect.stringContaining("step_up_required (HTTP 401)") })
      expect(await served.attempt(...toggle, "--second-factor")).toMatchObject({ code: 0 })
    },
    STACK_MS,
  )

  it(
    "stands before an HTTP API, behind Caddy's way of asking",
    async () => {
      const api = await startApi({ port: 0 })
      try {
        await writeFile(join(directory, "crm.yaml"), CRM)
        const origin = `http://127.0.0.1:${await freePort()}`
        const args = ["--openapi", "crm.yaml", "--gateway", "caddy", "--origin", origin, "--yes"]
        expect((await narrowgate("init", "mine", ...args)).code).toBe(0)
        await using served = await serve(api.url)
        const ticket = ["--user", "alice", "--arguments", '{"ticket":"42"}']
        const read = await served.attempt("crm.tickets.get", ...ticket)
        expect(read).toMatchObject({ code: 0, stdout: expect.stringContaining('"42"') })
        const reply = await served.attempt("crm.tickets.reply", ...ticket)
        expect(reply).toMatchObject({ code: 1, stdout: expect.stringContaining("insufficient_scope") })
      } finally {
        await api.close()
      }
    },
    STACK_MS,
  )
})

describe("writes nothing", () => {
  it("over what is there already", async () => {
    await mkdir(join(directory, "mine"))
    const { code, stderr } = await initMcp()
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/mine is there already\n {2}fix: /u),
    })
    expect(await readdir(join(directory, "mine"))).toEqual([])
  })

  it.each([
    ["there is no terminal for prompts", ["--mcp", "http://127.0.0.1:1/mcp"], 2, /there is no terminal/u],
    ["nothing is named", ["--yes"], 2, /nothing to protect is named/u],
    ["two sources are", ["--mcp", "http://a.example", "--openapi", "b.yaml", "--yes"], 2, /cannot be used with/u],
    ["nobody answers", ["--mcp", "http://127.0.0.1:1/mcp", "--yes"], 3, /error: /u],
    ["a name is none", ["--mcp", "http://127.0.0.1:1/mcp", "--server", "a.b", "--yes"], 2, /`--server`: not a server/u],
    [
      "an agent is of elsewhere",
      ["--openapi", "shop.yaml", "--agent", "spiffe://acme.example/a", "--yes"],
      2,
      /local stack/u,
    ],
    ["nothing there reads", ["--openapi", "writes.yaml", "--yes"], 1, /no tool there only reads/u],
  ])("where %s", async (_why, args, expected, message) => {
    await writeFile(join(directory, "shop.yaml"), CRM)
    await writeFile(join(directory, "writes.yaml"), CRM.replace("get:", "put:"))
    const { code, stderr } = await narrowgate("init", "mine", ...args)
    expect({ code, stderr }).toEqual({ code: expected, stderr: expect.stringMatching(message) })
    expect((await readdir(directory)).toSorted()).toEqual(["shop.yaml", "writes.yaml"])
  })
})

const CRM = `openapi: "3.1.0"
info: { title: CRM, version: "1" }
paths:
  /crm/tickets/{ticket}:
    get:
      operationId: tickets.get
      parameters: [{ name: ticket, in: path, required: true, schema: { type: string } }]
      responses: { "200": { description: ok } }
  /crm/tickets/{ticket}/replies:
    post:
      operationId: tickets.reply
      parameters: [{ name: ticket, in: path, required: true, schema: { type: string } }]
      responses: { "200": { description: ok } }
`

/** The directory `mine` in the local stack, behind its gateways. */
async function serve(upstream?: string) {
  const port = await twoFreePorts()
  const stack = await startStack({ policies: join(directory, "mine"), port, state: join(directory, "state") })
  const { body } = stack.first.compiled
  if (!body) throw new Error("it does not check")
  const gateways = await startOwnGateways({ body, narrowgate: stack.origin, ...(upstream && { upstream }) })
  const where = ["--policies", "mine", "--url", stack.origin, "--idp", stack.provider, "--agent", AGENT]
  return {
    attempt: (tool: string, ...more: string[]) => narrowgate("try", tool, ...where, ...more),
    async [Symbol.asyncDispose]() {
      await gateways.close()
      await stack.close()
    },
  }
}
