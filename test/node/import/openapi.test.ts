import { open, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { parse } from "yaml"
import { findOpenApiTools } from "../../../cli/import/openapi/openapi.ts"
import { readDocument } from "../../../cli/import/openapi/document.ts"
import { catalogFile } from "../../../cli/compiler/schema/catalog.ts"
import { BAD_DOCUMENTS } from "./bad-documents.ts"
import { Stage } from "./stage.ts"

const SHOP = join(import.meta.dirname, "shop-3.0.yaml")
const DESK = join(import.meta.dirname, "desk-3.1.json")
const ORIGIN = "http://127.0.0.1:8080"

let stage: Stage
beforeEach(async () => {
  stage = await Stage.begin()
})
afterEach(() => stage.end())

const importShop = (...args: readonly string[]) =>
  stage.narrowgate("import", "openapi", SHOP, "--server", "shop", "--origin", ORIGIN, ...args)

async function shopTools() {
  const { tools } = catalogFile.parse(parse(await stage.catalog()))
  return tools.filter(({ name }) => name.startsWith("shop."))
}

describe("a document of OpenAPI 3.0", () => {
  it("becomes routes: base path, parameters, integers, names", async () => {
    const { tools } = await findOpenApiTools({ file: SHOP, prefix: "shop", origin: ORIGIN })
    const routes = tools.map(({ name, mark, suggestion }) => {
      if (mark.kind !== "route") throw new Error("no route")
      return [name, suggestion.action, `${mark.methods.join()} ${mark.path}`, mark.integers.join()]
    })
    expect(routes).toEqual([
      ["shop.listOrders", "read", "GET /v1/orders", "limit,page"],
      ["shop.orders.create", "write", "POST /v1/orders", "page"],
      ["shop.orders.get", "read", "GET /v1/orders/{order_id}", "order_id"],
      ["shop.orders.replace", "write", "PUT /v1/orders/{order_id}", "order_id"],
      ["shop.orders.order-id.delete", "execute", "DELETE /v1/orders/{order_id}", "order_id"],
      ["shop.orders.order-id.lines.line.patch", "write", "PATCH /v1/orders/{order_id}/lines/{line}", "line"],
      ["shop.invoices.get", "read", "GET /v1/invoices/{number}", ""],
    ])
  })

  it("says what it leaves out and why, and what a person should know", async () => {
    const { skipped, notes } = await findOpenApiTools({ file: SHOP, prefix: "shop", origin: ORIGIN })
    expect(Object.fromEntries(skipped.map(({ what, why }) => [what, why]))).toEqual({
      "GET /invoices/{id}.pdf": "a parameter that is only a part of a segment has no route",
      "GET /assets/{path*}": "a parameter that stands for several segments has no route",
      "GET /status/": "its path has an empty segment or ends with `/`, which no route has",
      "GET /partners": "it has `servers` of its own, so it is reached elsewhere",
      "TRACE /debug": "a route has no such method",
      "GET /things/{kind}/latest": "the same request could mean `GET /things/special/{id}`",
      "GET /things/special/{id}": "the same request could mean `GET /things/{kind}/latest`",
    })
    // Several operations have it.
    expect(notes.filter((note) => note.includes("`order-id`"))).toEqual([
      "the path parameter `order-id` is called `order_id` in the catalog",
    ])
    expect(notes).toContainEqual(
      expect.stringMatching(/^`PATCH .*`line` is an argument of the path and of the query or body/),
    )
    expect(notes).toContain(
      "a request for `GET /invoices/{id}.pdf`, which is left out, would be taken for `shop.invoices.get`",
    )
  })

  it("is added to the catalog, which then checks; a second time not a byte changes", async () => {
    const before = await stage.catalog()
    const first = await importShop()
    expect(first.code).toBe(0)
    const after = await stage.catalog()
    expect(after.startsWith(before)).toBe(true)
    for (const { action, sensitivity, labels } of await shopTools()) {
      expect({ action, sensitivity, labels }).toEqual({ action: "execute", sensitivity: "restricted", labels: [] })
    }
    expect(after).toContain("    action: execute # nobody has looked at it; suggested: read (GET)\n")
    expect(await stage.schema()).toMatch(/\n {2}item\?: String,\n {2}limit\?: Long,\n/u)
    const { stdout } = await stage.narrowgate("check", "policies")
    // Nobody may call them yet, and nothing else is to be said.
    expect(new Set(stdout.match(/\[[a-z-]+\]$/gmu))).toEqual(new Set(["[unpermitted-tool]"]))
    expect(stdout).toMatch(/gateways; \d+ warnings\n$/)
    const second = await importShop("--accept", "--reroute", "--prune")
    expect(second.stdout).toContain("policies/catalog.yaml: nothing to change, not a byte")
    expect(await stage.catalog()).toBe(after)
  })

  it("is told where routes have changed or are gone, and changed or removed only where somebody says so", async () => {
    await importShop("--accept", "--sensitivity", "internal")
    await stage.edit("      path: /v1/invoices/{number}\n", "      path: /v0/invoices/{number} # the old one\n")
    await stage.edit("      integers: [line]\n", "")
    await stage.edit("  - name: shop.listOrders\n", "  - name: shop.listAllOrders\n")
    const before = await stage.catalog()
    const told = await importShop()
    expect(told.code).toBe(1)
    expect(told.stdout).toContain(
      "changed  shop.invoices.get  path; not taken: look at it; `--reroute` takes it as it is",
    )
    expect(told.stdout).toContain("changed  shop.orders.order-id.lines.line.patch  integers; not taken")
    expect(told.stdout).toContain("gone     shop.listAllOrders  still in the catalog")
    expect(told.stdout).toContain("skipped  shop.listOrders  the same request could mean `shop.listAllOrders`")
    expect(await stage.catalog()).toBe(before)

    const done = await importShop("--reroute", "--prune")
    expect(done.code).toBe(0)
    const tools = new Map((await shopTools()).map((each) => [each.name, each]))
    expect(tools.get("shop.invoices.get")?.route?.path).toBe("/v1/invoices/{number}")
    expect(await stage.catalog()).toContain("      path: /v1/invoices/{number} # the old one\n")
    expect(tools.get("shop.orders.order-id.lines.line.patch")?.route?.integers).toEqual(["line"])
    expect(tools.has("shop.listAllOrders")).toBe(false)
    expect(tools.get("shop.listOrders")).toMatchObject({ action: "execute", sensitivity: "restricted" })
    expect((await stage.narrowgate("check", "policies")).code).toBe(0)
  })

  it("does not take a request that the catalog knows already", async () => {
    const before = await stage.catalog()
    const { stdout } = await importShop("--base-path", "/x")
    expect(stdout).not.toContain("could mean `crm")
    await stage.write(before.replace("path: /crm/tickets\n", "path: /v1/orders\n"))
    expect((await importShop()).stdout).toContain(
      "skipped  shop.listOrders  the same request could mean `crm.tickets.list`, which the catalog has",
    )
  })

  it("takes no requests from a tool that was let in, unless somebody says so", async () => {
    await stage.edit("path: /crm/tickets/{ticket}\n", "path: /v1/{kind}/{id}\n")
    const before = await stage.catalog()
    const told = await importShop("--accept")
    expect(told.code).toBe(1)
    const row = "takes requests from crm.tickets.get; not added: look at both; `--reroute` adds it"
    for (const name of ["shop.orders.get", "shop.invoices.get"])
      expect(told.stdout).toContain(`narrows  ${name}  ${row}`)
    expect(told.stdout).toContain("new      shop.orders.replace  write restricted")
    expect((await shopTools()).map(({ name }) => name)).not.toContain("shop.orders.get")

    const asJson = await importShop("--json")
    expect(asJson.code).toBe(1)
    const narrowing = { name: "shop.orders.get", from: ["crm.tickets.get"], given: null }
    expect(JSON.parse(asJson.stdout)).toMatchObject({ ok: false, narrowing: [narrowing, {}], new: [] })

    const done = await importShop("--reroute", "--accept")
    expect(done).toMatchObject({ code: 0 })
    expect(done.stdout).toContain("narrows  shop.orders.get  takes requests from crm.tickets.get; read restricted\n")
    expect((await shopTools()).map(({ name }) => name)).toContain("shop.orders.get")
    expect((await importShop()).code).toBe(0)
    expect((await stage.catalog()).startsWith(before)).toBe(true)
    expect((await stage.narrowgate("check", "policies")).code).toBe(0)
  })

  it("is told where a changed route would take requests from another tool", async () => {
    await importShop()
    await stage.edit("      path: /v1/invoices/{number}\n", "      path: /v0/invoices/{number}\n")
    await stage.edit("path: /crm/tickets/{ticket}\n", "path: /v1/{kind}/{number}\n")
    const told = await importShop()
    expect(told.code).toBe(1)
    expect(told.stdout).toContain("changed  shop.invoices.get  path; takes requests from crm.tickets.get; not taken")
    expect(told.stdout).not.toContain("narrows")
  })

  it("says at once what `check` will say, such as an origin that no gateway serves", async () => {
    const args = ["import", "openapi", SHOP, "--server", "shop", "--origin", "https://nobody.example"]
    const { stdout } = await stage.narrowgate(...args)
    expect(stdout).toMatch(
      /Then `narrowgate check policies` says:\npolicies\/catalog\.yaml:\d+:15 error: no gateway serves/,
    )
    expect(stdout).toContain("… and 4 more")
  })
})

describe("a document of OpenAPI 3.1", () => {
  it("becomes routes, with what its references lead to", async () => {
    const found = await findOpenApiTools({ file: DESK, prefix: "desk", origin: ORIGIN, basePath: "/v2" })
    expect(found.tools.map(({ name, mark }) => [name, mark])).toEqual([
      [
        "desk.tickets.list",
        { kind: "route", origin: ORIGIN, methods: ["GET"], path: "/v2/tickets", integers: ["page"] },
      ],
      [
        "desk.tickets.get",
        { kind: "route", origin: ORIGIN, methods: ["GET"], path: "/v2/tickets/{ticket}", integers: ["ticket"] },
      ],
      [
        "desk.tickets.close",
        { kind: "route", origin: ORIGIN, methods: ["DELETE"], path: "/v2/tickets/{ticket}", integers: ["ticket"] },
      ],
    ])
    expect(Object.fromEntries(found.skipped.map(({ what, why }) => [what, why]))).toEqual({
      "/external": "it is a reference to another document, which is not read",
      "/loop": "it is references that lead in a circle",
      "GET /odd name": "its path has a character that no route has",
    })
    expect(found.notes).toContainEqual(
      expect.stringMatching(/`GET \/tickets`: a parameter is a reference to another document/),
    )
  })

  it("has operations told apart by an integer, and leaves out those that a text does not tell apart", async () => {
    const parameter = (name: string, type: string) => ({ name, in: "path", required: true, schema: { type } })
    const get = (...parameters: object[]) => ({ get: { parameters, responses: {} } })
    const document = {
      openapi: "3.1.0",
      paths: {
        "/issues/{issue}/comments": get(parameter("issue", "integer")),
        "/issues/comments/{comment}": get(parameter("comment", "integer")),
        "/releases/tags/{tag}": get(parameter("tag", "string")),
        "/releases/{release}/assets": get(parameter("release", "integer")),
        "/spaces/secrets/{secret}": get(parameter("secret", "string")),
        "/spaces/{space}/machines": get(parameter("space", "string")),
      },
    }
    const file = join(stage.directory, "issues.json")
    await writeFile(file, JSON.stringify(document))
    const { tools, skipped } = await findOpenApiTools({ file, prefix: "gh", origin: ORIGIN })
    expect(tools.map(({ mark }) => mark.kind === "route" && mark.path)).toEqual([
      "/issues/{issue}/comments",
      "/issues/comments/{comment}",
      "/releases/tags/{tag}",
      "/releases/{release}/assets",
    ])
    expect(skipped.map(({ what }) => what)).toEqual(["GET /spaces/secrets/{secret}", "GET /spaces/{space}/machines"])
  })

  it("stands below the path of its own server where nothing else is said", async () => {
    const { tools } = await findOpenApiTools({ file: DESK, prefix: "help", origin: ORIGIN })
    expect(tools[0]).toMatchObject({ name: "help.desk.tickets.list", mark: { path: "/helpdesk/tickets" } })
  })

  it("cannot be that of an MCP server's name", async () => {
    const { code, stderr } = await stage.narrowgate("import", "openapi", DESK, "--server", "desk", "--origin", ORIGIN)
    expect(code).toBe(1)
    expect(stderr).toBe(
      "error: `desk` is an MCP server in catalog.yaml: its tools have no routes\n  fix: Give another first segment by `--server`.\n",
    )
  })

  it("cannot steer a terminal", async () => {
    const { stdout } = await stage.narrowgate(
      "import",
      "openapi",
      DESK,
      "--server",
      "help",
      "--origin",
      ORIGIN,
      "--json",
    )
    expect(stdout).not.toMatch(/[^\n\x20-\x7e]/u)
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      written: true,
      new: [
        { name: "help.desk.tickets.list", description: "GET /tickets: All tickets\u202e of\u0007 the desk" },
        {},
        {},
      ],
    })
  })
})

describe("names of operations", () => {
  it.each([
    ["listTickets", "GET", "/tickets", "api.listTickets"],
    ["tickets/list-all", "GET", "/tickets", "api.tickets.list-all"],
    ["Tickets::List", "GET", "/tickets", "api.Tickets.List"],
    ["api.tickets.get", "GET", "/tickets", "api.tickets.get"],
    ["Get a ticket (v2)", "GET", "/tickets", "api.Get-a-ticket-v2"],
    ["*", "GET", "/tickets", "api.tickets.get"],
    [undefined, "POST", "/tickets/{id}/close-now", "api.tickets.id.close-now.post"],
    [undefined, "GET", "/", "api.get"],
    [7, "GET", "/a.b/c", "api.a-b.c.get"],
    // No lifecycle tool of an MCP server.
    ["mcp.ping", "GET", "/ping", "api.mcp_.ping"],
    ["api.mcp.tools-list", "GET", "/tools", "api.mcp_.tools-list"],
    ["api/mcp/own", "GET", "/own", "api.mcp_.own"],
    [undefined, "POST", "/mcp", "api.mcp_.post"],
    [undefined, "POST", "/mcp/end", "api.mcp_.end.post"],
    ["v1.mcp.ping", "GET", "/ping", "api.v1.mcp.ping"],
    ["mcp", "GET", "/mcp", "api.mcp"],
  ])("%j of %s %s is %s", (operationId, method, path, name) => {
    expect(toolsOf({ paths: { [path]: { [method.toLowerCase()]: { operationId } } } })).toEqual([name])
  })

  it("that come out alike are left out, all of them", () => {
    const paths = {
      "/a": { get: { operationId: "x y" } },
      "/b": { get: { operationId: "x-y" } },
      "/c": { get: { operationId: "z" } },
    }
    expect(toolsOf({ paths })).toEqual(["api.z"])
  })
})

describe("a bad document", () => {
  it.each(BAD_DOCUMENTS)("$name: told", async ({ text, message, fix }) => {
    const file = join(stage.directory, "document.yaml")
    await writeFile(file, text)
    const failure: unknown = await findOpenApiTools({ file, prefix: "api", origin: ORIGIN }).catch(
      (thrown: unknown) => thrown,
    )
    expect(failure).toMatchObject({
      name: "Failure",
      message: expect.stringMatching(message),
      fix: expect.stringMatching(fix),
    })
  })

  it("of 100 MB is not read", async () => {
    const file = join(stage.directory, "large.json")
    const handle = await open(file, "w")
    await handle.truncate(100_000_000)
    await handle.close()
    const { code, stderr } = await stage.narrowgate("import", "openapi", file, "--server", "api", "--origin", ORIGIN)
    expect(code).toBe(1)
    expect(stderr).toMatch(/has 96 MiB, more than the 24 that are read/)
  })

  it("that is not there is a matter of usage", async () => {
    const { code, stderr } = await stage.narrowgate(
      "import",
      "openapi",
      "none.yaml",
      "--server",
      "api",
      "--origin",
      ORIGIN,
    )
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "error: there is no file none.yaml\n  fix: Name an OpenAPI document.\n",
    })
  })

  it("never stops what reads it for good: circles of aliases, keys of prototypes", () => {
    const text = [
      'openapi: "3.1.0"',
      "x: &x { self: *x }",
      "paths:",
      "  /a:",
      "    get: { parameters: [ *x, { $ref: '#/constructor' }, { $ref: '#/x/self/self/self' } ] }",
      "  /b: { $ref: '#/__proto__' }",
    ].join("\n")
    const read = readDocument({ file: "f", text, prefix: "api", origin: ORIGIN })
    expect(read).toMatchObject({
      found: {
        tools: [{ name: "api.a.get" }],
        skipped: [{ what: "/b", why: "it is a reference to what is not there" }],
      },
    })
  })
})

function toolsOf(document: Readonly<Record<string, unknown>>): string[] {
  const text = JSON.stringify({ openapi: "3.1.0", ...document })
  const read = readDocument({ file: "f", text, prefix: "api", origin: ORIGIN })
  if ("message" in read) throw new Error(read.message)
  return read.found.tools.map(({ name }) => name)
}
