/** What an import makes of a server's resources, their templates and its prompts. */
import { McpServer, ResourceTemplate } from "@modelcontextprotocol/server"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { parse } from "yaml"
import { z } from "zod"
import { findMcpTools } from "../../../cli/import/mcp/mcp.ts"
import { readResources } from "../../../cli/import/mcp/resources.ts"
import { runImport } from "../../../cli/import/run.ts"
import { isRefused } from "../../../cli/import/render.ts"
import { catalogFile } from "../../../cli/compiler/schema/catalog.ts"
import { startMcp, type McpUpstream } from "../../../dev/upstreams/mcp.ts"
import { pinOf } from "../../../src/core/catalog/pin.ts"
import { HOSTILE_URIS } from "../../harness/hostile-uris.ts"
import { Stage } from "./stage.ts"

interface Offered {
  readonly tools?: readonly string[]
  readonly prompts?: Readonly<Record<string, string>>
  readonly resources?: readonly string[]
  readonly templates?: readonly string[]
}

let offered: Offered
let upstream: McpUpstream
let stage: Stage
beforeEach(async () => {
  upstream = await startMcp(0, make)
  stage = await Stage.begin()
})
afterEach(async () => {
  await upstream.close()
  await stage.end()
})

function make(): McpServer {
  const server = new McpServer({ name: "fresh", version: "1" })
  const { tools = [], prompts = {}, resources = [], templates = [] } = offered
  for (const name of tools) server.registerTool(name, { inputSchema: z.object({}) }, () => ({ content: [] }))
  for (const [name, description] of Object.entries(prompts)) {
    server.registerPrompt(name, { description, argsSchema: z.object({ a: z.string() }) }, () => ({ messages: [] }))
  }
  for (const uri of resources) server.registerResource(`The ${uri}`, uri, {}, () => ({ contents: [] }))
  for (const uri of templates) {
    const template = new ResourceTemplate(uri, { list: undefined })
    server.registerResource(`Any ${uri}`, template, {}, () => ({ contents: [] }))
  }
  return server
}

const source = () =>
  findMcpTools({
    url: new URL(upstream.url),
    headers: {},
    server: "fresh",
    at: { origin: "http://127.0.0.1:8080", path: "/fresh/mcp" },
    seconds: 20,
  })

async function imported(wishes: { readonly replace?: boolean; readonly prune?: boolean } = {}) {
  const own = { accept: false, replace: false, prune: false, isDryRun: false, policies: stage.policies, ...wishes }
  const { outcome, problems } = await runImport(await source(), own, null)
  expect(problems).toEqual([])
  return outcome
}

async function entries() {
  const { tools } = catalogFile.parse(parse(await stage.catalog()))
  return tools.filter(({ name }) => name.startsWith("fresh."))
}

describe("resources and prompts", () => {
  it("are entries that are read, as sensitive as can be until a person says otherwise, and stay so", async () => {
    offered = {
      tools: ["look"],
      prompts: { summary: "Sums up", "Weekly report": "Reports" },
      resources: ["note:today", "db://tables/orders"],
      templates: ["db://tables/{table}", "file:///notes/{+path}"],
    }
    const { differences } = await imported()
    expect(differences.found).toMatchObject({ skipped: [], refused: [] })
    const found = await entries()
    expect(found.map(({ name }) => name)).toEqual([
      "fresh.look",
      "fresh.prompts.summary",
      "fresh.prompts.weekly-report",
      "fresh.resources.any-db-tables-table",
      "fresh.resources.any-file-notes-path",
      "fresh.resources.the-note-today",
    ])
    // One of the templates covers the table.
    expect(found.flatMap(({ resource }) => resource ?? [])).toEqual([
      "db://tables/{table}",
      "file:///notes/{+path}",
      "note:today",
    ])
    expect(found.flatMap(({ prompt }) => prompt ?? [])).toEqual(["summary", "Weekly report"])
    const restricted = { action: "read", sensitivity: "restricted", labels: [] }
    for (const entry of found.slice(1)) expect(entry).toMatchObject(restricted)
    const before = await stage.catalog()
    const again = await imported({ replace: true, prune: true })
    expect(again).toMatchObject({ diff: "", differences: { same: 6, added: [], changed: [], gone: [] } })
    expect(await stage.catalog()).toBe(before)
    const check = await stage.narrowgate("check", "policies")
    expect(check.code).toBe(0)
  })

  it("are known by their pattern and their prompt, whatever an operator calls them, and however wide", async () => {
    offered = {
      prompts: { summary: "Sums up" },
      resources: ["file:///a/1", "file:///a/2"],
      templates: ["file:///b/{c}"],
    }
    await imported()
    const text = await stage.catalog()
    const [head = "", ...rest] = text.split("  - name: fresh.resources.")
    const wide = "  - name: fresh.files\n    action: read\n    sensitivity: internal\n    resource: file:///{+path}\n"
    expect(rest).toHaveLength(3)
    await stage.write(head.replace("fresh.prompts.summary", "fresh.sums") + wide)
    const outcome = await imported({ prune: true })
    expect(outcome).toMatchObject({ diff: "", differences: { same: 4, added: [], gone: [] } })
  })

  it("get other names where the catalog, or a tool, has theirs", async () => {
    offered = { tools: ["prompts.summary", "resources.the-note-a"], prompts: { summary: "x" }, resources: ["note:a"] }
    await imported()
    expect((await entries()).map(({ name, prompt, resource }) => [name, prompt ?? resource])).toEqual([
      ["fresh.prompts.summary", undefined],
      ["fresh.resources.the-note-a", undefined],
      ["fresh.prompts.summary-2", "summary"],
      ["fresh.resources.the-note-a-2", "note:a"],
    ])
    // A tool that comes later does not take the place of a prompt.
    offered = { prompts: { ask: "x" } }
    await imported({ prune: true })
    offered = { tools: ["prompts.ask"], prompts: { ask: "x" } }
    const { differences } = await imported({ replace: true })
    expect(differences.found.skipped).toEqual([
      { what: "fresh.prompts.ask", why: "the catalog has a resource or a prompt of this name" },
    ])
  })

  it("a prompt that has changed is told part by part, and refused until somebody takes it", async () => {
    offered = { prompts: { summary: "Sums up", other: "Stays" } }
    await imported()
    offered = { prompts: { summary: "Sends all it reads", other: "Stays" } }
    const { differences, decisions } = await imported()
    expect(differences.changed).toMatchObject([{ tool: { name: "fresh.prompts.summary" }, what: ["description"] }])
    expect(isRefused(differences, decisions)).toBe(true)
    const [before] = await entries()
    await imported({ replace: true })
    const [after] = await entries()
    expect(after).toEqual({ ...before, pinned: expect.any(String) })
    expect(after?.pinned).not.toBe(before?.pinned)
    offered = { prompts: { other: "Stays" } }
    expect((await imported()).differences.gone).toEqual(["fresh.prompts.summary"])
  })

  it("are imported from a server without tools", async () => {
    offered = { resources: ["note:a"] }
    await imported()
    expect((await entries()).map(({ resource }) => resource)).toEqual(["note:a"])
  })

  it("that no pattern can say, or that some readers take for others, are left out and named", async () => {
    const uris = HOSTILE_URIS.map(([, uri]) => uri)
    const templates = ["db://a/{b}.csv", "db://a/{?b}", "{+any}", "db://x/{y}", "db://{x}/y", "db://x/{z}"]
    const listed = (key: string, all: readonly string[]) => all.map((each) => ({ name: "x", [key]: each }))
    const { found, skipped } = readResources(listed("uri", uris), listed("uriTemplate", templates), "fresh")
    expect(found.map(({ mark }) => mark)).toEqual([
      { kind: "resource", pattern: "db://x/{y}" },
      // As it is, it is one URI of one entry.
      { kind: "resource", pattern: "greeting://World:80" },
    ])
    expect(skipped.map(({ what }) => what)).toEqual([
      "resource db://a/{b}.csv",
      "resource db://a/{?b}",
      "resource {+any}",
      "resource db://{x}/y",
      "resource db://x/{z}",
      ...uris.filter((uri) => uri !== "greeting://World:80").map((uri) => `resource ${uri}`),
    ])
  })

  it("beyond 200 are left to a pattern of the operator's", () => {
    const many = Array.from({ length: 250 }, (_, index) => ({ name: `${index}`, uri: `file:///a/${index}` }))
    const { found, skipped } = readResources(many, [], "fresh")
    expect([found.length, skipped.map(({ what }) => what)]).toEqual([200, ["50 more resources"]])
  })
})

it("the pin of a prompt covers what a model and its client act by", () => {
  const prompt = { name: "a", description: "b", arguments: [{ name: "c", required: true }] }
  expect(pinOf({ ...prompt, title: "x", _meta: {} }, "prompts")).toBe(pinOf(prompt, "prompts"))
  for (const other of [{ name: "x" }, { description: "x" }, { arguments: [] }]) {
    expect(pinOf({ ...prompt, ...other }, "prompts")).not.toBe(pinOf(prompt, "prompts"))
  }
})
