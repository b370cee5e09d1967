/**
 * What docs/guides/agents.md shows, as it stands there, against the running Worker. What it shows of frameworks that are
 * not installed here, test/clients/agents.test.ts runs.
 */
import { readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as library from "../../../client/index.ts"
import { fromWorkloadApi } from "../../../spiffe/index.ts"
import { ROBOT } from "../interop/robot.ts"
import { RESEARCHER, startAgents, SUPPORT, type Agents } from "./stage.ts"

const GUIDE = await readFile(join(import.meta.dirname, "../../../docs/guides/agents.md"), "utf8")

/** The code below a heading. */
function codeOf(heading: string): string {
  const [, section = ""] = GUIDE.split(new RegExp(`\\n#+ ${heading}\\n`))
  const code = /```ts\n(.*?)```/s.exec(section.split(/\n##/)[0] ?? "")?.[1]
  if (code === undefined) throw new Error(`the guide shows nothing under ${heading}`)
  return code
}

type Runs = new (...names: string[]) => (...values: unknown[]) => Promise<unknown>
const Run: Runs = Reflect.get(async () => undefined, "constructor")

/** Runs the code with these names before it. @param last what it returns then */
async function shown(heading: string, names: Readonly<Record<string, unknown>>, last = ""): Promise<unknown> {
  const code = codeOf(heading).replaceAll(/^import .*\n/gm, "")
  const known = { ...library, ...names }
  return new Run(...Object.keys(known), `${code}\n${last}`)(...Object.values(known))
}

let agents: Agents
beforeAll(async () => {
  agents = await startAgents()
}, 60_000)
afterAll(async () => agents.close())

/** As the guide writes it → as it is here. */
const here = (options: library.OpenTaskOptions): library.OpenTaskOptions => ({
  ...options,
  issuer: agents.stack.origin,
  resource: agents.edge.origin,
})
const openTask = async (options: library.OpenTaskOptions): Promise<library.Task> => {
  const task = await library.openTask(here(options))
  const { fetch: own } = task
  const fetchHere: typeof fetch = async (input, init) =>
    own((input instanceof Request ? input.url : String(input)).replace("https://api.example", agents.edge.origin), init)
  return Object.defineProperty(task, "fetch", { value: fetchHere })
}

const refund = { order: "o-1", amount: 40_100 }
const call = { name: "refund", arguments: refund }
const forRefunds = async (): Promise<library.Task> =>
  agents.open({ purpose: "refund-order", scope: "billing.*:read billing.refund:write" })

describe("the guide", () => {
  test("opens a task, and ends it", async () => {
    const directory = join(tmpdir(), `narrowgate-guide-${process.pid}`)
    const identity = { audience: agents.stack.origin, now: Date.now(), signal: AbortSignal.timeout(5_000) }
    await writeFile(directory, await agents.svid(SUPPORT)(identity))
    const fromFile = (): library.Identity => library.fromFile(directory)
    const names = { fromFile, openTask, userToken: await agents.session("alice") }
    expect(await shown("A task", names, "return response.status")).toBe(200)
    await rm(directory)
  })

  test("has its user consent, to calls with bounds", async () => {
    const show = async (text: string): Promise<void> => {
      const [, url = ""] = /^Please consent to mail\.send:write: (\S+)$/.exec(text) ?? []
      await agents.consent({ url }, "approve")
    }
    const names = { openTask, show, identity: agents.svid(SUPPORT), userToken: await agents.session("alice") }
    await expect(shown("Bounds and consent", names, "await task.complete(); return task.scope")).resolves.toBe(
      "mail.send:write",
    )
  }, 30_000)

  test("has the token of a pod where its page mounts it", async () => {
    const page = "../../../docs/guides/identity-providers/kubernetes.md"
    const text = await readFile(join(import.meta.dirname, page), "utf8")
    const [, directory = ""] = /mountPath: ([^\s,]+)/.exec(text) ?? []
    const request = { audience: "https://authz.example", now: Date.now(), signal: AbortSignal.timeout(5_000) }
    await expect(library.fromKubernetes()(request)).rejects.toThrow(`'${directory}/token'`)
    expect(GUIDE).toContain(`\`${directory}/token\``)
  })

  test("tells a model what is denied", async () => {
    await using task = await forRefunds()
    const client = new Client({ name: "test", version: "1" })
    const server = new URL(`${agents.edge.origin}/billing/mcp`)
    await client.connect(new StreamableHTTPClientTransport(server, { fetch: task.fetch }))
    const outcome = await client.callTool(call).catch((thrown: unknown) => thrown)
    expect(await shown("When a call is denied", { outcome })).toMatch(
      /^Narrowgate denied the call of "refund", .*approval_required/,
    )
    await client.close()
  })

  test("waits for people", async () => {
    await using task = await forRefunds()
    const url = `${agents.edge.origin}/billing/mcp`
    const request = {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: call }),
    }
    const show = async (text: string): Promise<void> => {
      const [, of = "", id = ""] = /^Please approve: .*\/(tsk_[^/]+)\/(apr_\w+)$/.exec(text) ?? []
      await agents.decide({ task: of, id }, true)
    }
    const names = { task, url, request, show }
    expect(await shown("Wait where waiting helps", names, "return response.text()")).toContain("40100")
  })

  test("gives the task a stronger login", async () => {
    await using task = await agents.open()
    const before = await task.token()
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await shown("A stronger login", { task, newUserToken: await agents.session("alice", true) })
    expect(await task.token()).not.toBe(before)
  })

  test("gives the task to a client of MCP", async () => {
    await using task = await forRefunds()
    const onApproval = async (approval: library.Approval): Promise<void> => agents.decide(approval, true)
    const server = `${agents.edge.origin}/billing/mcp`
    const names = { Client, StreamableHTTPClientTransport, task, server, call, onApproval }
    expect(JSON.stringify(await shown("MCP", names, "await client.close(); return result"))).toContain("40100")
  })

  test("opens a task in a Durable Object", async () => {
    const asked: string[] = []
    const NARROWGATE = {
      fetch: async (...[input, init]: Parameters<typeof fetch>) => {
        asked.push(new URL(new Request(input).url).pathname)
        return fetch(input, init)
      },
    }
    const env = { ISSUER: agents.stack.origin, AGENT: ROBOT, KEY: JSON.stringify(agents.privateJwk), NARROWGATE }
    const opens = async (options: library.OpenTaskOptions): Promise<library.Task> =>
      library.openTask({ ...options, purpose: "triage-ticket", resource: agents.edge.origin })
    const names = { env, session: await agents.session("alice"), openTask: opens }
    const status = `const { status } = await task.fetch("${agents.edge.origin}/crm/tickets"); await task.complete(); return status`
    expect(await shown("Cloudflare Agents", names, status)).toBe(200)
    expect(asked.at(-1)).toMatch(/\/complete$/)
  })

  test("resumes a task", async () => {
    const kept = new Map<string, string>()
    const store = { put: async (text: string) => void kept.set("", text), get: async () => kept.get("") }
    const opened = await agents.open()
    const [saving, resuming = ""] = codeOf("After a restart").split("// in another process\n")
    expect(saving).toContain("save()")
    const session = await agents.session("alice")
    const names = { ...library, store, identity: agents.svid(SUPPORT), session }
    const run = async (code: string, more: object): Promise<unknown> => {
      const known = { ...names, ...more }
      return new Run(...Object.keys(known), code.replaceAll(/^import .*\n/gm, ""))(...Object.values(known))
    }
    await run(saving ?? "", { task: opened })
    expect(await run(`${resuming}; await task.complete(); return task.id`, {})).toBe(opened.id)
  })

  test("delegates", async () => {
    await using task = await agents.open({ purpose: "triage-ticket" })
    const child = await shown("Sub-agents", { task, identity: agents.svid(RESEARCHER) }, "return child.scope")
    expect(child).toBe("crm.tickets.*:read")
  })

  test("names every option, identity and code that there is, and no other", async () => {
    const namesIn = (text: string): readonly string[] =>
      Array.from(text.matchAll(/^\| `(\w+)[`(]/gm), ([, name = ""]) => name)
    const section = (heading: string): string => (GUIDE.split(`\n## ${heading}\n`)[1] ?? "").split("\n## ")[0] ?? ""
    const source = async (file: string): Promise<string> =>
      readFile(join(import.meta.dirname, "../../../client", file), "utf8")
    const [, options = ""] = (await source("task.ts")).split("export interface OpenTaskOptions {")
    const declared = Array.from(
      (options.split("\n}")[0] ?? "").matchAll(/^ {2}readonly (\w+)/gm),
      ([, name = ""]) => name,
    )
    expect(namesIn(section("A task")).toSorted()).toEqual(declared.toSorted())
    const [, codes = ""] = (await source("errors.ts")).split("export type ErrorCode =")
    const known = Array.from((codes.split("\n\n")[0] ?? "").matchAll(/"(\w+)"/g), ([, name = ""]) => name)
    expect(namesIn(section("What goes wrong")).toSorted()).toEqual(known.toSorted())
    const identities = Object.keys({ ...library, fromWorkloadApi }).filter((name) => name.startsWith("from"))
    expect(namesIn(section("Who the agent is")).toSorted()).toEqual(identities.toSorted())
  })
})
