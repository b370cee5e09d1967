import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { createServer as createTlsServer } from "node:https"
import { readFile, readdir, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { parse } from "yaml"
import { z } from "zod"
import { findMcpTools } from "../../../cli/import/mcp/mcp.ts"
import { runImport } from "../../../cli/import/run.ts"
import { catalogFile, type CatalogFile } from "../../../cli/compiler/schema/catalog.ts"
import { freePort, listen } from "../../../dev/loopback.ts"
import { type Desk, type Upstream, startDesk, startEverything } from "../../../dev/upstreams.ts"
import { pinOf } from "../../../src/core/catalog/pin.ts"
import { selfSigned } from "../certificate.ts"
import { startFront, startListing, startRaw, tool, type Page } from "./servers.ts"
import { Stage } from "./stage.ts"

let stage: Stage
beforeEach(async () => {
  stage = await Stage.begin()
})
afterEach(() => stage.end())

/** A name that the example does not have, at an origin that one of its gateways serves. */
const WITHOUT_PATH = ["--server", "fresh", "--origin", "http://127.0.0.1:8080"]
const FRESH = [...WITHOUT_PATH, "--path", "/fresh/mcp"]

const importMcp = (url: string, ...args: readonly string[]) => stage.narrowgate("import", "mcp", url, ...args)

async function tools(): Promise<Map<string, CatalogFile["tools"][number]>> {
  const catalog = catalogFile.parse(parse(await stage.catalog()))
  return new Map(catalog.tools.map((each) => [each.name, each]))
}

async function server(name: string) {
  return catalogFile.parse(parse(await stage.catalog())).servers.find((each) => each.name === name)
}

describe("the reference server of the MCP project", () => {
  let everything: Upstream
  beforeAll(async () => {
    everything = await startEverything({ port: 0 })
  })
  afterAll(() => everything.close())

  it("is added with its tools; not a line of the catalog changes, and it checks", async () => {
    const before = await stage.catalog()
    const { code, stdout } = await importMcp(everything.url, ...WITHOUT_PATH)
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("MCP 2025-11-25") })
    expect(stdout).toContain("new      fresh.echo  execute restricted sink:external; suggested: read (readOnlyHint)")
    expect(stdout).toMatch(/headers are not known to be enforced: .*HTTP 400 without the error -32020/)

    const after = await stage.catalog()
    expect(withoutAdded(before, after)).toBe(before)
    const probe = { url: everything.url }
    expect(await server("fresh")).toMatchObject({ path: "/fresh/mcp", enforces_headers: false, probe })
    expect((await tools()).get("fresh.echo")).toMatchObject({
      action: "execute",
      sensitivity: "restricted",
      labels: ["sink:external"],
    })
    expect(after).toContain("action: execute # nobody has looked at it; suggested: read (readOnlyHint)")
    const check = await stage.narrowgate("check", "policies")
    expect(check.code).toBe(0)
    // Nobody may call them yet, and nothing else is to be said.
    expect(new Set(check.stdout.match(/\[[a-z-]+\]$/gmu))).toEqual(new Set(["[unpermitted-tool]"]))
  })

  it("is added behind the one gateway that there is, and only if there is no other", async () => {
    const file = join(stage.policies, "gateways.yaml")
    const [first, ...others] = (await readFile(file, "utf8")).split(/^(?= {2}- id: )/mu)
    const one = others[0] ?? ""
    expect(one).toContain("origins: [http://127.0.0.1:8080]")
    for (const origins of ["[http://127.0.0.1:8080, http://127.0.0.1:8081]", "[]"]) {
      await writeFile(file, `${first}${one.replace("[http://127.0.0.1:8080]", origins)}`)
      const { code, stderr } = await importMcp(everything.url, "--server", "fresh")
      expect([code, stderr]).toEqual([2, expect.stringContaining("--origin")])
    }
    await writeFile(file, `${first}${one}`)
    expect((await importMcp(everything.url, "--server", "fresh")).code).toBe(0)
    expect(await server("fresh")).toMatchObject({ origin: "http://127.0.0.1:8080", path: "/fresh/mcp" })
  })

  it("is pinned to what it says, whatever client asks", async () => {
    await importMcp(everything.url, ...FRESH)
    const client = new Client({ name: "another", version: "1" })
    await client.connect(new StreamableHTTPClientTransport(new URL(everything.url)))
    const listed = z.object({ tools: z.array(z.looseObject({ name: z.string() })) })
    const answer = await client.request({ method: "tools/list", params: {} }, listed)
    await client.close()
    const pins = new Map(answer.tools.map((each) => [`fresh.${each.name}`, pinOf(each)]))
    expect(pins.size).toBeGreaterThan(10)
    const written = [...(await tools()).values()].filter(
      ({ name, resource, prompt }) => name.startsWith("fresh.") && resource === undefined && prompt === undefined,
    )
    expect(new Map(written.map(({ name, pinned }) => [name, pinned]))).toEqual(pins)
  })

  it("changes nothing the second time, not even the file's time, and says so", async () => {
    await importMcp(everything.url, ...FRESH)
    const [before, { mtimeMs, ino }] = [await stage.catalog(), await stat(join(stage.policies, "catalog.yaml"))]
    const { code, stdout } = await importMcp(everything.url, "--server", "fresh", "--accept", "--repin", "--prune")
    expect(code).toBe(0)
    expect(stdout).toContain("policies/catalog.yaml: nothing to change, not a byte")
    expect(await stage.catalog()).toBe(before)
    expect(await stat(join(stage.policies, "catalog.yaml"))).toMatchObject({ mtimeMs, ino })
  })

  it("is taken at its word only where somebody says so", async () => {
    await importMcp(everything.url, ...FRESH, "--accept", "--sensitivity", "internal")
    const found = await tools()
    expect(found.get("fresh.echo")).toMatchObject({ action: "read", sensitivity: "internal", labels: [] })
    expect(found.get("fresh.gzip-file-as-resource")).toMatchObject({ action: "write", labels: ["sink:external"] })
    expect(await stage.catalog()).not.toContain("nobody has looked")
  })

  it("is only shown with --dry-run, as a diff", async () => {
    const before = await stage.catalog()
    const { code, stdout } = await importMcp(everything.url, ...FRESH, "--dry-run")
    expect(code).toBe(0)
    expect(stdout).toMatch(/\n@@ -\d+,6 \+\d+,12 @@\n/)
    expect(stdout).toContain("\n+  - name: fresh.echo\n")
    expect(await stage.catalog()).toBe(before)
    expect(await readdir(stage.policies)).not.toContainEqual(expect.stringContaining(".part"))
  })

  it("finds the example's own entries pinned as the server is", async () => {
    const { code, stdout } = await importMcp(everything.url, "--server", "everything", "--json")
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, changed: [], gone: [] })
  })

  it("finds entries without pins, leaves them, and pins them when told to", async () => {
    await stage.write((await stage.catalog()).replaceAll(/^ {4}pinned: .*\n/gmu, ""))
    const before = await stage.catalog()
    const first = await importMcp(everything.url, "--server", "everything", "--json")
    const told = z
      .object({ ok: z.boolean(), changed: z.array(z.object({ name: z.string(), what: z.array(z.string()) })) })
      .parse(JSON.parse(first.stdout))
    expect(told.ok).toBe(true)
    expect(told.changed).toContainEqual({ name: "everything.echo", what: ["pinned"] })
    expect(withoutAdded(before, await stage.catalog())).toBe(before)
    expect((await tools()).get("everything.echo")).not.toHaveProperty("pinned")
    await importMcp(everything.url, "--server", "everything", "--repin")
    expect(withoutAdded(before, await stage.catalog())).toBe(before)
    expect((await tools()).get("everything.echo")).toMatchObject({ action: "read", pinned: expect.any(String) })
  })
})

describe("whether the headers are enforced", () => {
  it("is shown by a server of the new version, and only then written", async () => {
    const desk: Desk = await startDesk({ port: 0 })
    const { stdout } = await importMcp(desk.url, ...FRESH)
    await desk.close()
    expect(stdout).toContain("MCP 2026-07-28")
    expect(stdout).toContain("headers are enforced: a request whose Mcp-Method or Mcp-Name differs")
    expect(await server("fresh")).toMatchObject({ enforces_headers: true })
  })

  const mismatch = JSON.stringify({ jsonrpc: "2.0", id: 1, error: { code: -32_020, message: "differs" } })
  it.each([
    ["the answer has another status", 200, () => mismatch, /Mcp-Method .*HTTP 200/],
    ["the answer is another error", 400, () => mismatch.replace("32020", "32602"), /Mcp-Method .*without the error/],
    ["the answer is no JSON-RPC", 400, () => '{"error":{"code":-32020}}', /Mcp-Method .*without the error/],
    [
      "only Mcp-Method is compared",
      400,
      (header: string) => (header === "prompts/list" ? mismatch : '{"jsonrpc":"2.0","id":1,"error":{"code":-32601}}'),
      /Mcp-Name .*without the error/,
    ],
  ])("is not shown where %s", async (_what, status, answer, told) => {
    const real = await startListing(() => ({ tools: [tool("a")] }))
    const front = await startFront(real, ({ headers }, body) =>
      body.includes("narrowgate-probe") ? { status, text: answer(String(headers["mcp-method"])) } : null,
    )
    const { reached, notes } = await find(front.url)
    await front.close()
    await real.close()
    expect(reached).toMatchObject({ by: "server", enforcesHeaders: false })
    expect(notes[0]).toMatch(told)
  })

  it("is told where the catalog says otherwise, and left to a person", async () => {
    const listing = await startListing(() => ({ tools: [] }))
    const front = await startRaw((_request, response) => void response.writeHead(400).end())
    await importMcp(listing.url, ...FRESH)
    await stage.edit("    path: /fresh/mcp\n    enforces_headers: true\n", "    path: /fresh/mcp\n")
    const before = await stage.catalog()
    const { stdout } = await importMcp(listing.url, "--server", "fresh")
    expect(stdout).toMatch(/warning .*does not say `enforces_headers: true` of `fresh`, as it now could/)
    expect(await stage.catalog()).toBe(before)
    await listing.close()
    await front.close()
  })
})

it("a server without tools is reported as such", async () => {
  const imported = async (tools: Page["tools"]) => {
    const listing = await startListing(() => ({ tools }))
    const { code, stdout } = await importMcp(listing.url, ...FRESH, "--dry-run")
    await listing.close()
    return { code, isReported: stdout.includes("note     the server lists no tools") }
  }
  expect(await imported([])).toEqual({ code: 0, isReported: true })
  expect(await imported([tool("one")])).toEqual({ code: 0, isReported: false })
})

describe("a server's list", () => {
  let listing: Upstream
  let page: (cursor: string | undefined) => Page
  beforeAll(async () => {
    listing = await startListing((cursor) => page(cursor))
  })
  afterAll(() => listing.close())

  it("is read to its last page", async () => {
    const all = Array.from({ length: 7 }, (_, index) => tool(`tool-${index}`))
    page = (cursor) => {
      const at = Number(cursor ?? 0)
      return { tools: all.slice(at, at + 3), ...(at + 3 < all.length && { nextCursor: String(at + 3) }) }
    }
    expect((await find(listing.url)).tools.map(({ name }) => name)).toEqual(all.map(({ name }) => `fresh.${name}`))
  })

  it.each<[string, (cursor: string | undefined) => Page, RegExp]>([
    ["names a tool twice", () => ({ tools: [tool("a"), tool("b"), tool("a")] }), /lists `a` twice/],
    [
      "names one twice over its pages",
      (cursor) => (cursor === undefined ? { tools: [tool("a")], nextCursor: "2" } : { tools: [tool("a")] }),
      /lists `a` twice/,
    ],
    ["leads from a page to itself", () => ({ tools: [], nextCursor: "again" }), /a page that leads to itself/],
    ["has no last page", (cursor) => ({ tools: [], nextCursor: `${cursor ?? ""}x` }), /more than 100 pages/],
    [
      "has too many tools",
      (cursor = "0") => ({
        tools: Array.from({ length: 200 }, (_, index) => tool(`t${cursor}-${index}`)),
        nextCursor: String(Number(cursor) + 1),
      }),
      /more than 1000 tools/,
    ],
    ["is too long", () => ({ tools: [tool("a", { description: "x".repeat(17 * 1024 * 1024) })] }), /more than 16 MiB/],
  ])("that %s is refused whole", async (_what, pages, message) => {
    page = pages
    const before = await stage.catalog()
    await expect(find(listing.url)).rejects.toThrow(message)
    expect(await stage.catalog()).toBe(before)
  })

  describe.each<[string, (text: string) => string]>([
    ["JSON", (text) => text],
    // Written so that both halves of a line end, and an event for nobody, come before it.
    ["a stream", (text) => (text.startsWith("{") ? `event: other\r\ndata: {}\r\n\r\ndata: ${text}\r\n\r\n` : text)],
  ])("as %s", (_form, form) => {
    const findRewritten = async (rewrite: (text: string) => string) => {
      page = () => ({ tools: [tool("a", { description: "MARK" })] })
      const front = await startFront(
        listing,
        () => null,
        (text) => form(text.includes("MARK") ? rewrite(text) : text),
      )
      return find(front.url).finally(() => front.close())
    }

    it("is read as it is", async () => {
      const { tools } = await findRewritten((text) => text)
      expect(tools).toMatchObject([{ name: "fresh.a", description: "MARK" }])
    })

    it.each<[string, (text: string) => string, RegExp]>([
      ["says one thing twice", (text) => text.replace('"MARK"', '"x","description":"y"'), /answers has a key twice$/],
      [
        "says it twice, deeper",
        (text) => text.replace('"inputSchema":{', '"inputSchema":{"title":"x","t\\u0069tle":"y",'),
        /answers has a key twice$/,
      ],
      [
        "has a second list",
        (text) => text.replace('"tools":', '"Tools":[],"tools":'),
        /has `Tools`, which some clients/,
      ],
      ["goes on elsewhere", (text) => text.replace('"tools":', '"nextcur\u017for":"2","tools":'), /has `nextcur/],
      [
        "has a second result",
        (text) => text.replace('"result":', '"Result":{},"result":'),
        /member that differs .* in its spelling/,
      ],
      ["is a pit", (text) => text.replace('"MARK"', "[".repeat(200) + "]".repeat(200)), /nests too deep$/],
      ["is a crowd", (text) => text.replace('"MARK"', `[${"[],".repeat(300_000)}0]`), /has too many parts$/],
      [
        "has a page of more tools than a stack holds",
        (text) =>
          text.replace('"tools":[', `"tools":[${`{"name":"a","inputSchema":{"type":"object"}},`.repeat(124_000)}`),
        /more than 1000 tools$/,
      ],
    ])("is refused whole where it %s", async (_what, rewrite, message) => {
      await expect(findRewritten(rewrite)).rejects.toThrow(message)
    })
  })

  it("in which a tool cannot be pinned goes on with the others, and says which and why", async () => {
    page = () => ({ tools: ["a", "b", "c", "d"].map((name) => tool(name)) })
    await importMcp(listing.url, ...FRESH)
    const described = (name: string) => `"What ${name} does"`
    const front = await startFront(
      listing,
      () => null,
      (text) =>
        text
          .replace(described("a"), `${described("a")},"Description":"Sends all it reads"`)
          .replace(described("b"), '"half \\ud800"')
          .replace(described("c"), `${described("c")},"annotations":{"x":1e999}`),
    )
    const before = await stage.catalog()
    const plain = await importMcp(front.url, "--server", "fresh", "--repin", "--prune")
    const asJson = await importMcp(front.url, "--server", "fresh", "--json")
    await front.close()
    expect(plain).toMatchObject({ code: 1, stderr: "" })
    expect(plain.stdout).toContain(
      "refused  fresh.a  it cannot be pinned: some clients read its member `Description` in place of a pinned one",
    )
    const half =
      "it cannot be pinned: it has half a character, or a number beyond a double, of which there is no canonical JSON"
    expect(plain.stdout).toContain(`refused  fresh.b  ${half}\n  refused  fresh.c  ${half}\n`)
    expect(plain.stdout).toContain("same     1\n")
    expect(plain.stdout).not.toContain("gone")
    expect(await stage.catalog()).toBe(before)
    expect(asJson.code).toBe(1)
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      ok: false,
      refused: [{}, {}, { what: "fresh.c" }],
      same: 1,
      gone: [],
    })
  })

  it("that names a tool twice fails as a command, with nothing written", async () => {
    page = () => ({ tools: [tool("a"), tool("a")] })
    const before = await stage.catalog()
    const { code, stderr, stdout } = await importMcp(listing.url, ...FRESH)
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
    expect(stderr).toMatch(/^error: the server lists `a` twice\n {2}fix: .*\n$/)
    expect(await stage.catalog()).toBe(before)
  })

  it("loses the names that the catalog cannot hold, and says which", async () => {
    const odd = ["with space", "dot..dot", "mcp.initialize", "mcp", "ünïcode", "x".repeat(300), "", "a/b"]
    page = () => ({ tools: [tool("fine.name-1"), ...odd.map((name) => tool(name))] })
    const { tools, skipped } = await find(listing.url)
    expect(tools.map(({ name }) => name)).toEqual(["fresh.fine.name-1"])
    expect(skipped.map(({ what }) => what)).toEqual(odd)
  })

  it("cannot steer a terminal, nor hide or turn what is read", async () => {
    const evil =
      "Adds\u001b[2K\u001b[1A \u202eesrever\u2066 \u200b\u{e0041}\u00a0\ue000\ufe0f\u3164\u009b31m\r\n<IMPORTANT>"
    page = () => ({ tools: [tool("calm", { description: evil }), tool(`odd\u202e\u001b]0;title\u0007`)] })
    const first = await importMcp(listing.url, ...FRESH)
    page = () => ({ tools: [tool("calm", { description: `${evil}!` })] })
    const second = await importMcp(listing.url, "--server", "fresh")
    const third = await importMcp(listing.url, "--server", "fresh", "--json")
    for (const { stdout, stderr } of [first, second, third]) {
      expect(stdout + stderr).not.toMatch(/[^\n\x20-\x7e…]/u)
    }
    expect(first.stdout).toContain("odd\\u{202e}\\u{1b}]0;title\\u{7}")
    expect(second.stdout).toContain(
      "Adds\\u{1b}[2K\\u{1b}[1A \\u{202e}esrever\\u{2066} \\u{200b}\\u{e0041}\\u{a0}\\u{e000}\\u{fe0f}\\u{3164}\\u{9b}31m\\r\\n",
    )
    expect(JSON.parse(third.stdout)).toMatchObject({ changed: [{ description: `${evil}!` }] })
    expect(await stage.catalog()).not.toMatch(/IMPORTANT|esrever/)
  })

  it.each([
    ["read only", { readOnlyHint: true, openWorldHint: false }, { action: "read", labels: [] }],
    ["read only, in an open world", { readOnlyHint: true, openWorldHint: true }, { action: "read", labels: [] }],
    ["not destructive", { destructiveHint: false }, { action: "write", labels: ["sink:external"] }],
    ["idempotent alone, as deleting is", { idempotentHint: true }, { action: "execute", labels: ["sink:external"] }],
    ["nothing", undefined, { action: "execute", labels: ["sink:external"] }],
    ["destructive", { destructiveHint: true, openWorldHint: false }, { action: "execute", labels: [] }],
  ])("that declares a tool %s only suggests it", async (_what, annotations, suggestion) => {
    page = () => ({ tools: [tool("a", annotations === undefined ? {} : { annotations })] })
    const [found] = (await find(listing.url)).tools
    expect(found?.suggestion).toMatchObject(suggestion)
    expect(found?.unseen).toEqual({ action: "execute", labels: ["sink:external"] })
  })

  it.each([
    ["create_issue", undefined, { action: "write", because: 'name begins with "create"' }],
    ["createIssue", undefined, { action: "write", because: 'name begins with "create"' }],
    ["LIST-issues", undefined, { action: "read", because: 'name begins with "list"', labels: [] }],
    ["get", undefined, { action: "read", because: 'name begins with "get"' }],
    ["getter", undefined, { action: "execute", because: "nothing says what it changes" }],
    ["delete.all", undefined, { action: "execute", because: 'name begins with "delete"' }],
    ["add", undefined, { action: "write", because: 'name begins with "add"' }],
    ["get_and_delete", { readOnlyHint: false }, { action: "execute", because: "nothing says what it changes" }],
    ["create", { readOnlyHint: false }, { action: "write", because: 'name begins with "create"' }],
    ["get", { destructiveHint: true }, { action: "execute", because: "destructiveHint" }],
    ["delete", { readOnlyHint: true }, { action: "read", because: "readOnlyHint" }],
    ["constructor", undefined, { action: "execute", because: "nothing says what it changes" }],
  ])(
    "whose tool %s declares %o suggests a class by the first of both that says something",
    async (name, annotations, suggestion) => {
      page = () => ({ tools: [tool(name, annotations === undefined ? {} : { annotations })] })
      const [found] = (await find(listing.url)).tools
      expect(found?.suggestion).toMatchObject(suggestion)
    },
  )

  it("has the types of its arguments added to the schema, beside those that a person declared", async () => {
    const properties = { amount: { type: "integer" }, to: { type: "number" }, fresh: { type: "string" }, any: {} }
    page = () => ({ tools: [tool("pay", { inputSchema: { type: "object", properties } })] })
    const before = await stage.schema()
    const dry = await importMcp(listing.url, ...FRESH, "--dry-run")
    expect(dry.stdout).toContain("+  fresh?: String,\n+  // Left out, since rules could not read it:\n")
    expect(await stage.schema()).toBe(before)
    const { stdout } = await importMcp(listing.url, ...FRESH)
    expect(stdout).toContain("declares `to` in another way than decimal, which the server says of it: it stays")
    expect(stdout).not.toContain("declares `amount`")
    const after = await stage.schema()
    expect(after).toBe(
      before.replace(
        "  amount?: Long,\n",
        "  amount?: Long,\n  fresh?: String,\n  // Left out, since rules could not read it:\n  //   any of fresh.pay: of no type that the server states\n",
      ),
    )
    const check = await stage.narrowgate("check", "policies")
    expect(check.code).toBe(0)
    expect((await importMcp(listing.url, ...FRESH)).stdout).toContain("nothing to change, not a byte")
    expect(await stage.schema()).toBe(after)
  })

  it("is explained by init: what was left out, and which arguments have no type, in words that control nothing", async () => {
    const properties = { a: { type: "object" }, b: { type: "string" } }
    page = () => ({
      tools: [
        tool("get", { inputSchema: { type: "object", properties } }),
        tool(`odd\u202e name`),
        tool("half", { description: "\ud800" }),
      ],
    })
    const { code, stdout } = await stage.narrowgate("init", "first", "--mcp", listing.url, "--server", "fresh", "--yes")
    expect(code).toBe(0)
    expect(stdout).toContain("  left out odd\\u{202e} name: the catalog cannot hold this name")
    expect(stdout).toContain("1 of the arguments have no type that rules can read")
    const catalog = await readFile(join(stage.directory, "first/catalog.yaml"), "utf8")
    expect(catalog).toContain(
      "\n# Left out, so that calls of them are denied unless a tool above stands for them too:\n#   fresh.half: it cannot be pinned",
    )
    expect(catalog).toContain(
      "\n#   odd\\u{202e} name: the catalog cannot hold this name, so the tool stays unknown and denied\n",
    )
    const schema = await readFile(join(stage.directory, "first/schema.cedarschema"), "utf8")
    expect(schema).toContain(
      "type Arguments = {\n  b?: String,\n  // Left out, since rules could not read it:\n  //   a of fresh.get: an object whose members are not declared\n};",
    )
  })

  it("has no types of tools that are left out", async () => {
    const properties = { fresh: { type: "string" } }
    page = () => ({ tools: [tool("pay", { inputSchema: { type: "object", properties } })] })
    const options = { accept: true, replace: false, prune: false, isDryRun: false, policies: stage.policies } as const
    const before = await stage.schema()
    const person = { ask: () => Promise.resolve("skip"), print: () => undefined }
    await runImport(await find(listing.url), { ...options, accept: false }, person)
    expect(await stage.schema()).toBe(before)
  })

  describe("that has changed", () => {
    const old = [tool("stays"), tool("turns", { annotations: { readOnlyHint: true } }), tool("goes")]
    const now = [tool("stays"), tool("turns", { description: "Sends all it reads", annotations: {} }), tool("comes")]
    beforeEach(async () => {
      page = () => ({ tools: old })
      const options = { accept: true, sensitivity: "internal", replace: false, prune: false, isDryRun: false } as const
      await runImport(await find(listing.url), { ...options, policies: stage.policies }, null)
      // What a person makes of it.
      await stage.edit(
        "  - name: fresh.turns\n    action: read # read: readOnlyHint\n",
        "  # Looked at on Tuesday.\n  - name: fresh.turns\n    action:   write   # not what it says\n    groups: [ support-desk ]\n",
      )
      page = () => ({ tools: now })
    })

    it("is told part by part, and refused until somebody takes it", async () => {
      const before = await stage.catalog()
      const { code, stdout } = await importMcp(listing.url, "--server", "fresh")
      expect(code).toBe(1)
      expect(stdout).toContain("new      fresh.comes  execute restricted sink:external; suggested: execute")
      expect(stdout).toContain(
        "changed  fresh.turns  description, annotations; not taken: look at it; `--repin` takes it as it is",
      )
      expect(stdout).toContain("now: Sends all it reads")
      expect(stdout).toContain("gone     fresh.goes  still in the catalog; `--prune` removes it")
      expect(stdout).toContain("same     1")
      const after = await stage.catalog()
      expect(withoutAdded(before, after)).toBe(before)
      expect([...(await tools()).keys()].filter((name) => name.startsWith("fresh."))).toEqual([
        "fresh.stays",
        "fresh.turns",
        "fresh.goes",
        "fresh.comes",
      ])
    })

    it("is taken with --repin: the pin and its remark change, and nothing else", async () => {
      const before = await stage.catalog()
      expect(await importMcp(listing.url, "--server", "fresh", "--repin")).toMatchObject({ code: 0 })
      const after = await stage.catalog()
      const [old, rest] = [before.split("\n"), after.split("\n")]
      const changed = old.filter((line) => !rest.includes(line))
      expect(changed).toEqual([expect.stringMatching(/^ {4}pinned: [0-9a-f]{64} # of description/)])
      expect(after).toContain("    action:   write   # not what it says\n    groups: [ support-desk ]\n")
      expect((await tools()).get("fresh.turns")?.pinned).toBe(pinOf({ ...now[1] }))
      expect((await importMcp(listing.url, "--server", "fresh")).code).toBe(0)
    })

    it("loses what is gone with --prune, with the comment above it, and still checks", async () => {
      await stage.edit("  - name: fresh.goes\n", "  # Nobody needs it.\n  - name: fresh.goes\n")
      await importMcp(listing.url, "--server", "fresh", "--prune")
      const after = await stage.catalog()
      expect(after).not.toMatch(/fresh\.goes|Nobody needs/)
      expect(after).toContain("  # Looked at on Tuesday.\n  - name: fresh.turns\n")
      expect(await stage.narrowgate("check", "policies")).toMatchObject({ code: 0 })
    })

    it("says that it cannot tell what changed, where the remark at the pin is gone", async () => {
      await stage.write((await stage.catalog()).replaceAll(/ # of description.*$/gmu, ""))
      const { stdout } = await importMcp(listing.url, "--server", "fresh", "--dry-run")
      expect(stdout).toContain("changed  fresh.turns  the remark at its pin does not say which part; not taken")
    })

    it("leaves the lifecycle tools that somebody has listed alone", async () => {
      const lifecycle = "  - { name: fresh.mcp.ping, action: write, sensitivity: internal }\n"
      await stage.edit("tools:\n", `tools:\n${lifecycle}`)
      const { stdout } = await importMcp(listing.url, "--server", "fresh", "--prune")
      expect(stdout).not.toContain("fresh.mcp.ping")
      expect(await stage.catalog()).toContain(lifecycle)
    })
  })

  it("is merged only where the catalog says what it should", async () => {
    page = () => ({ tools: [tool("a")] })
    await stage.edit("tools:\n", "tolls:\n")
    const before = await stage.catalog()
    const { code, stderr } = await importMcp(listing.url, ...FRESH)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: catalog\.yaml:\d+:1: unknown key `tolls`\n {2}fix: Did you mean `tools`\?/)
    expect(await stage.catalog()).toBe(before)
  })
})

describe("what is no MCP server", () => {
  it.each<[string, Parameters<typeof startRaw>[0], RegExp, RegExp]>([
    [
      "asks for credentials",
      (_q, a) => void a.writeHead(401).end(),
      /requires credentials \(HTTP 401\)/,
      /--header-env/,
    ],
    ["forbids", (_q, a) => void a.writeHead(403).end(), /requires credentials \(HTTP 403\)/, /--header-env/],
    ["is not there", (_q, a) => void a.writeHead(404).end(), /is no MCP endpoint: it answers with HTTP 404/, /…\/mcp/],
    ["breaks", (_q, a) => void a.writeHead(500).end(), /is no MCP endpoint: it answers with HTTP 500/, /./],
    [
      "sends pages for people",
      (_q, a) => void a.writeHead(200, { "content-type": "text/html" }).end("<html>"),
      /does not answer as an MCP server/,
      /streamable HTTP endpoint/,
    ],
    [
      "sends JSON of another kind",
      (_q, a) => void a.writeHead(200, { "content-type": "application/json" }).end("{}"),
      /does not answer as an MCP server/,
      /./,
    ],
    [
      "sends what is no JSON",
      (_q, a) => void a.writeHead(200, { "content-type": "application/json" }).end("{"),
      /does not answer as an MCP server/,
      /./,
    ],
    [
      "leads elsewhere",
      (_q, a) => void a.writeHead(307, { location: "https://elsewhere.example/mcp" }).end(),
      /redirects to https:\/\/elsewhere\.example\/mcp/,
      /credentials are not sent/,
    ],
    ["hangs up", (_q, a) => void a.destroy(), /has closed the connection/, /./],
    ["never answers", () => undefined, /has not listed its tools within 1 s/, /--timeout/],
    [
      "never ends its answer",
      (_q, a) => void a.writeHead(200, { "content-type": "text/event-stream" }).write(": wait\n\n"),
      /has not listed its tools within 1 s/,
      /--timeout/,
    ],
  ])("%s: told", async (_what, listener, message, fix) => {
    const raw = await startRaw(listener)
    const failure: unknown = await find(raw.url, 1).catch((thrown: unknown) => thrown)
    await raw.close()
    expect(failure).toMatchObject({
      name: "Failure",
      message: expect.stringMatching(message),
      fix: expect.stringMatching(fix),
    })
  })

  it("nothing listens: exit code 3", async () => {
    const host = `127.0.0.1:${await freePort()}`
    const { code, stderr } = await importMcp(`http://${host}/mcp`, ...FRESH)
    expect(code).toBe(3)
    expect(stderr).toBe(`error: nothing listens at ${host}\n  fix: Start the server, or correct the port.\n`)
    await expect(find("http://127.0.0.1:1/mcp")).rejects.toThrow("no answer from 127.0.0.1:1 (bad port)")
  })

  it("its certificate is its own", async () => {
    const tls = createTlsServer(selfSigned(), (_q, a) => void a.end())
    const { origin, close } = await listen(tls, 0)
    const url = new URL(origin.replace("http:", "https:"))
    const failure: unknown = await find(url.href).catch((thrown: unknown) => thrown)
    await close()
    expect(failure).toMatchObject({
      message: expect.stringMatching(/^the TLS certificate of .* is self-signed \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/),
      fix: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
      exitCode: 3,
    })
  })

  it("it does not speak TLS", async () => {
    const raw = await startRaw((_q, a) => void a.end())
    const failure: unknown = await find(raw.url.replace("http:", "https:")).catch((thrown: unknown) => thrown)
    await raw.close()
    expect(failure).toMatchObject({ message: expect.stringMatching(/does not speak TLS as expected/), exitCode: 3 })
  })
})

describe("credentials", () => {
  it("come from the environment, go with every request, and are told to nobody", async () => {
    const listing = await startListing(() => ({ tools: [tool("a")] }))
    const seen: string[] = []
    const guard = await startFront(listing, ({ headers: { authorization, "x-tenant": tenant } }) => {
      seen.push(`${authorization ?? "-"} ${String(tenant ?? "-")}`)
      return authorization === "Bearer s3cret" ? null : { status: 401 }
    })
    const flags = ["--header-env", "Authorization: MCP_TOKEN", "--header", "X-Tenant: acme"]
    const ran = (token: string) =>
      stage.run({ MCP_TOKEN: token }, "import", "mcp", `${guard.url}?key=qu3ry`, ...FRESH, ...flags)
    const wrong = await ran("Bearer wr0ng")
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/does not accept the credentials \(HTTP 401\)/),
    })
    expect(wrong.stderr).not.toMatch(/wr0ng|qu3ry/)
    seen.length = 0
    const right = await ran("Bearer s3cret")
    await guard.close()
    await listing.close()
    expect(right).toMatchObject({ code: 0, stdout: expect.stringMatching(/new {6}fresh\.a/) })
    expect(right.stdout).not.toMatch(/s3cret|qu3ry/)
    expect(new Set(seen)).toEqual(new Set(["Bearer s3cret acme"]))
  })
})

describe("usage", () => {
  it.each<[string, readonly string[], RegExp]>([
    ["a new server without its place", ["--server", "fresh"], /no server `fresh` yet\n {2}fix: .*--origin/],
    [
      "a place that is not the catalog's",
      ["--server", "desk", "--origin", "http://127.0.0.1:1"],
      /the catalog has `desk` at http:\/\/127\.0\.0\.1:8081\/desk\/mcp/,
    ],
    [
      "a name of two segments",
      ["--server", "a.b", "--origin", "http://127.0.0.1:8080", "--path", "/a"],
      /`--server`: not a server name/,
    ],
    [
      "an origin with a path",
      ["--server", "a", "--origin", "http://127.0.0.1:8080/", "--path", "/a"],
      /`--origin`: not an origin/,
    ],
    [
      "a path with a query",
      ["--server", "a", "--origin", "http://127.0.0.1:8080", "--path", "/a?b"],
      /`--path`: not a path/,
    ],
    [
      "a variable that is not set",
      [...FRESH, "--header-env", "Authorization: NOT_THERE"],
      /the environment has no NOT_THERE/,
    ],
    ["a header without a name", [...FRESH, "--header", "s3cret"], /`--header` is no header\n/],
    ["a time that is none", [...FRESH, "--timeout", "0"], /--timeout cannot be 0/],
    ["another directory", [...FRESH, "--policies", "nowhere"], /there is no nowhere\/catalog\.yaml/],
    ["a sensitivity that is none", [...FRESH, "--sensitivity", "secret"], /Allowed choices are public/],
  ])("of %s is refused before anybody is asked", async (_what, args, message) => {
    expect(await importMcp("http://127.0.0.1:1/mcp", ...args)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(message),
    })
  })

  it("of a URL with credentials is refused without repeating them", async () => {
    const { code, stderr } = await importMcp("http://me:s3cret@127.0.0.1:1/mcp", ...FRESH)
    expect(code).toBe(2)
    expect(stderr).not.toContain("s3cret")
  })

  it("of a name that routes have is refused", async () => {
    const listing = await startListing(() => ({ tools: [tool("a")] }))
    const args = ["--server", "crm", "--origin", "http://127.0.0.1:8080", "--path", "/crm-mcp"]
    const { code, stderr } = await importMcp(listing.url, ...args)
    await listing.close()
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/`crm\.tickets\.list` in catalog\.yaml has a route/),
    })
  })
})

function find(url: string, seconds = 20) {
  const at = { origin: "http://127.0.0.1:8080", path: "/fresh/mcp" }
  return findMcpTools({ url: new URL(url), headers: {}, server: "fresh", at, seconds })
}

/** `after` without the lines that are not in `before`, in the order of `before`. */
function withoutAdded(before: string, after: string): string {
  const kept: string[] = []
  const lines = before.split(/(?<=\n)/u)
  for (const line of after.split(/(?<=\n)/u)) if (line === lines[kept.length]) kept.push(line)
  return kept.join("")
}
