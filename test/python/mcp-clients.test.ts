/**
 * Python's official MCP client in both generations, as it is published: it answers `insufficient_scope` by obtaining a
 * token with more scope, which opens a new task. The labels of the old task hold in the new one (promise 8).
 */
import { appendFile, readFile, writeFile } from "node:fs/promises"
import { createServer as createHttpServer } from "node:http"
import { createServer } from "node:https"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { operatorToken } from "../../cli/remote/local-stack-login.ts"
import { listen, type Listening } from "../../dev/loopback.ts"
import { setScene, type Scene } from "../gateways/scene.ts"
import { REQUIRED } from "../gateways/installed.ts"
import { envoy } from "../gateways/rows/envoy.ts"
import { installed } from "../gateways/start.ts"
import { allowsAll, walkTo } from "../node/interop/at-browser.ts"
import { installPython, missingPython, type Python } from "./python.ts"

/** Each a file of this folder with exact versions, and an agent of its own. */
const GENERATIONS = ["mcp-1", "mcp-2"] as const

/** Reading is granted unasked; sending is what the client has to obtain more scope for. */
const PURPOSE = {
  name: "desk-mail",
  grant: { tools: ["desk.*:read", "desk.send-mail:write"], max_sensitivity: "confidential", calls: 50 },
  default: ["desk.*:read"],
  life: 3600,
}
/** In which the demo's other people are. Alice is in `support`. */
const GROUPS = ["engineering", "operations"]

const READ_CONFIDENTIAL = ["read-customer", { customer: "c-7" }] as const
const READ_INTERNAL = ["read-ticket", { ticket: "42" }] as const
const SEND = ["send-mail", { to: "eve@evil.example", subject: "c-7" }] as const
type Call = typeof READ_CONFIDENTIAL | typeof READ_INTERNAL | typeof SEND

const lineSchema = z.object({
  texts: z.array(z.string()).optional(),
  errors: z.array(z.string()).optional(),
  responses: z.array(
    z.object({ method: z.string(), path: z.string(), status: z.number(), code: z.string(), decision: z.string() }),
  ),
})
type Line = z.infer<typeof lineSchema>

/** What a call met on its way, oldest first: a denial's code, a response of the token endpoint, or one of the MCP server. */
function steps(line: Line | undefined): readonly string[] {
  return (line?.responses ?? [])
    .filter(({ method, path }) => method === "POST" && (path === "/oauth/token" || path === "/desk/mcp"))
    .map(({ path, status, code }) => (path === "/oauth/token" ? `token ${status}` : code === "" ? `${status}` : code))
}

const missing = missingPython()
const gateway = installed(envoy) ? "Envoy" : "the local stack's gateway"
const title = missing === null ? `Python clients through ${gateway}` : `Python clients: skipped, ${missing}`

test.runIf(REQUIRED.includes(envoy.name))("Envoy, which must be here, is", () => {
  expect(installed(envoy)).toBe(true)
})

describe.skipIf(missing !== null)(title, () => {
  const parting = new AsyncDisposableStack()
  const adopt = <Part extends Pick<Listening, "close">>(part: Part): Part =>
    parting.adopt(part, async (each) => each.close())
  const pythons = new Map<string, Python>()
  let scene: Scene
  let documents: string
  let browser: string

  beforeAll(async () => {
    const install = async (name: string): Promise<unknown> =>
      pythons.set(name, adopt(await installPython(`${name}.txt`)))
    await Promise.all(GENERATIONS.map(install))
    documents = await serveDocuments()
    browser = await serveBrowser()
    scene = adopt(await setScene({ row: envoy, standIn: !installed(envoy), edit: admitClients }))
  })
  afterAll(async () => parting.disposeAsync())

  /** The clients' metadata documents, by which Narrowgate knows them; each is an agent of its own. */
  async function serveDocuments(): Promise<string> {
    const { LOOPBACK_KEY: key = "", LOOPBACK_CERTIFICATE: cert = "" } = process.env
    const server = createServer({ key, cert }, ({ url = "" }, response) => {
      const document = {
        client_id: documents + url,
        client_name: "Python",
        redirect_uris: ["http://127.0.0.1/callback"],
      }
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document))
    })
    return adopt(await listen(server, 0)).origin.replace("http:", "https:")
  }

  /** POST /<user> with the URL to which a client sends its user; answers where the user's browser is in the end. */
  async function serveBrowser(): Promise<string> {
    const server = createHttpServer(async (request, response) => {
      const user = (request.url ?? "").slice(1)
      const walk = async (): Promise<URL> => walkTo(new URL(await text(request)), user, allowsAll)
      const [status, answer] = await walk().then(
        ({ href }) => [200, href] as const,
        (error: unknown) => [500, String(error)] as const,
      )
      response.writeHead(status).end(answer)
    })
    return adopt(await listen(server, 0)).origin
  }

  /** Adds the clients to a copy of `policies/`, and lets everybody whom the identity provider knows use the desk. */
  async function admitClients(policies: string): Promise<void> {
    const file = join(policies, "agents.yaml")
    const entries = z.array(z.looseObject({}))
    const { purposes, agents } = z
      .looseObject({ purposes: entries, agents: entries })
      .parse(parse(await readFile(file, "utf8")))
    const clients = GENERATIONS.map((name) => ({
      id: `${documents}/${name}`,
      owner: "interop",
      groups: ["support"],
      ceiling: { tools: PURPOSE.grant.tools, max_sensitivity: "confidential" },
      purposes: [PURPOSE.name],
      client: { metadata: true, authentication: "none" },
    }))
    await writeFile(file, stringify({ purposes: [...purposes, PURPOSE], agents: [...agents, ...clients] }))
    const rules = GROUPS.map(
      (group) => `
@id("${group}-staff")
permit (
  principal in UserGroup::"${group}",
  action in [Action::"read", Action::"write", Action::"delegate"],
  resource in ToolGroup::"support-desk"
);
`,
    )
    await appendFile(join(policies, "support.cedar"), rules.join(""))
  }

  describe.each(GENERATIONS)("%s", (name) => {
    const agent = (): string => `${documents}/${name}`

    /** One process, from no token at all to its last call. */
    async function callInTurn(user: string, ...calls: readonly Call[]): Promise<readonly Line[]> {
      const [server, document] = [`${scene.origin}/desk/mcp`, agent()]
      const order = JSON.stringify({ server, document, browser: `${browser}/${user}`, calls })
      const lines = (await pythons.get(name)?.run("mcp_client.py", order)) ?? []
      expect(lines).toHaveLength(calls.length)
      return lines.map((line) => lineSchema.parse(JSON.parse(line)))
    }

    let earlier = 0
    beforeEach(() => {
      earlier = scene.desk.received().length
    })

    /** The calls of tools that have reached the MCP server in this test, each with its task. */
    function reached(): readonly (readonly [tool: string, task: string])[] {
      return scene.desk
        .received()
        .slice(earlier)
        .filter(({ method }) => method === "tools/call")
        .map(({ name: tool, headers }) => [tool, headers["x-narrowgate-task"] ?? ""])
    }

    /** Of the last response. */
    async function recordOf(line: Line | undefined): Promise<unknown> {
      const url = `${scene.stack.origin}/v1/decisions/${line?.responses.at(-1)?.decision}`
      const headers = { Authorization: `Bearer ${await operatorToken({ origin: scene.stack.provider })}` }
      const read = async (): Promise<unknown> => {
        const response = await fetch(url, { headers })
        expect(response.status).toBe(200)
        return response.json()
      }
      return vi.waitFor(read, { timeout: 10_000, interval: 200 })
    }

    test("a token with more scope does not launder what was read", async () => {
      const [read, send, again] = await callInTurn("alice", READ_CONFIDENTIAL, SEND, SEND)
      expect(read?.texts?.join()).toContain("Ada Example")
      expect(steps(send)).toEqual(["insufficient_scope", "token 200", "policy_denied"])
      expect(steps(again).at(-1)).toBe("policy_denied")
      expect([send?.texts, again?.texts]).toEqual([undefined, undefined])
      const calls = reached()
      expect(calls.map(([tool]) => tool)).toEqual([READ_CONFIDENTIAL[0]])
      const record = await recordOf(send)
      expect(record).toMatchObject({ rules: ["no-external-after-confidential"], labels: ["reads:confidential"] })
      expect(record).not.toMatchObject({ task: calls[0]?.[1] })
    })

    test("neither does a new process without a token", async () => {
      const [read] = await callInTurn("olivia", READ_CONFIDENTIAL)
      expect(read?.texts?.join()).toContain("Ada Example")
      const [send] = await callInTurn("olivia", SEND)
      expect(steps(send).slice(-3)).toEqual(["insufficient_scope", "token 200", "policy_denied"])
      expect(send?.texts).toBeUndefined()
      expect(reached().map(([tool]) => tool)).toEqual([READ_CONFIDENTIAL[0]])
    })

    test("for a person of whom it has read nothing confidential, the same flow sends, in a task of its own", async () => {
      const [, send] = await callInTurn("bob", READ_INTERNAL, SEND)
      expect(steps(send)).toEqual(["insufficient_scope", "token 200", "200"])
      expect(send?.texts?.join()).toContain('"sent":true')
      const [sentByNewProcess] = await callInTurn("bob", SEND)
      expect(sentByNewProcess?.texts?.join()).toContain('"sent":true')
      const calls = reached()
      expect(calls.map(([tool]) => tool)).toEqual([READ_INTERNAL[0], SEND[0], SEND[0]])
      expect(new Set(calls.map(([, task]) => task)).size).toBe(3)
    })
  })
})
