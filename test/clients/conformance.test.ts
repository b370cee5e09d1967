/**
 * The conformance suite of the MCP project: of what it finds well with a server, nothing is lost behind a gateway; and
 * what it asks of an authorization server.
 */
import { execFile, spawn } from "node:child_process"
import { appendFile } from "node:fs/promises"
import { createServer, request } from "node:http"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import * as oauth from "oauth4webapi"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { freePort, listen, type Listening } from "../../dev/loopback.ts"
import { envoy } from "../gateways/rows/envoy.ts"
import { setScene, type Scene } from "../gateways/scene.ts"
import { installed as isThere } from "../gateways/start.ts"
import { ROBOT } from "../node/interop/robot.ts"
import { PROMPTS, RESOURCES, startConformanceServer, TOOLS } from "./conformance-server.ts"
import { installation, installed } from "./installed.ts"
import { edit } from "./policies.ts"
import { makeWorld } from "./world.ts"

const SUITE = installation("npm/node_modules/@modelcontextprotocol/conformance/dist/index.js")

const CLIENT: oauth.Client = { client_id: ROBOT }
/** The local stack has no TLS, and needs none: it does not leave the machine. */
const PLAIN = { [oauth.allowInsecureRequests]: true }

/** By scenario: how many of its checks pass, and how many do not. */
type Results = ReadonlyMap<string, { readonly passed: number; readonly failed: number }>

async function scenarios(url: string, revision: string): Promise<Results> {
  const args = [SUITE, "server", "--url", url, "--requirements", revision]
  // It exits with 1 if anything fails.
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 }).catch(
    (error: unknown) => {
      if (error instanceof Error && "stdout" in error) return { stdout: String(error.stdout) }
      throw error
    },
  )
  const lines = stdout.matchAll(/^[✓✗] ([\w-]+): (\d+) passed, (\d+) failed$/gmu)
  return new Map(
    [...lines].map(([, name = "", passed, failed]) => [name, { passed: Number(passed), failed: Number(failed) }]),
  )
}

const RESULTS = `
@id("results-for-all")
permit (principal, action == Action::"read", resource in ToolGroup::"mcp-results");
`

/** Of which more checks fail through the gateway than directly. */
const lost = (direct: Results, through: Results): readonly string[] =>
  [...direct].filter(([name, { failed }]) => (through.get(name)?.failed ?? Infinity) > failed).map(([name]) => name)

describe.skipIf(!installed)("the conformance suite", () => {
  const parting = new AsyncDisposableStack()
  const adopt = <Part extends Pick<Listening, "close">>(part: Part): Part =>
    parting.adopt(part, async (each) => each.close())
  afterAll(async () => parting.disposeAsync())

  describe("against a server", () => {
    let upstream: Listening
    let scene: Scene
    beforeAll(async () => {
      upstream = adopt(await startConformanceServer())
      const upstreams = { "/conformance/mcp": `${upstream.origin}/mcp` }
      scene = adopt(await setScene({ row: envoy, standIn: !isThere(envoy), upstreams, edit: addServer }))
    })

    async function addServer(policies: string): Promise<void> {
      // It lets its client poll a stream, which is to resume it.
      await appendFile(join(policies, "support.cedar"), RESULTS)
      await edit(policies, "catalog.yaml", (lists) => {
        const [{ origin } = {}] = lists("servers")
        lists("servers").push({ name: "conformance", origin, path: "/conformance/mcp" })
        const entries = [
          ...TOOLS.map((name) => ({ name })),
          ...PROMPTS.map((prompt) => ({ name: prompt, prompt })),
          ...Object.entries(RESOURCES).map(([name, pattern]) => ({ name, resource: pattern })),
        ].map(({ name, ...rest }) => ({
          ...rest,
          name: `conformance.${name}`,
          action: "read",
          sensitivity: "public",
          groups: ["support-desk"],
        }))
        lists("tools").push(...entries)
      })
      await edit(policies, "agents.yaml", (lists) => {
        const tools = ["conformance.*:read", "desk.*:read"]
        const errand = { name: "errand", grant: { tools, max_sensitivity: "internal" }, life: 600, user: "optional" }
        const index = lists("purposes").findIndex(({ name }) => name === errand.name)
        lists("purposes")[index] = errand
        const robot = lists("agents").find(({ id }) => id === ROBOT)
        Object.assign(robot ?? {}, { ceiling: { tools, max_sensitivity: "internal" } })
      })
    }

    /** The suite knows no authorization: what it sends gets a token on its way, as a client's own would be. */
    async function withToken(server: string): Promise<Listening> {
      const issuer = new URL(scene.stack.origin)
      const discovered = await oauth.discoveryRequest(issuer, { ...PLAIN, algorithm: "oauth2" })
      const as = await oauth.processDiscoveryResponse(issuer, discovered)
      const key = oauth.PrivateKeyJwt(scene.robot.privateKey)
      const parameters = { resource: scene.origin }
      const response = await oauth.clientCredentialsGrantRequest(as, CLIENT, key, parameters, PLAIN)
      const { access_token: token } = await oauth.processClientCredentialsResponse(as, CLIENT, response)
      const authorization = `Bearer ${token}`
      const { origin } = new URL(server)
      const forwarder = createServer((asked, answer) => {
        const { method, url = "/", headers } = asked
        const host = new URL(origin).host
        const passed = request(origin + url, { method, headers: { ...headers, host, authorization } }, (said) => {
          answer.writeHead(said.statusCode ?? 502, said.headers)
          answer.flushHeaders()
          said.pipe(answer)
        })
        passed.once("error", () => answer.destroy())
        answer.once("close", () => passed.destroy())
        asked.pipe(passed)
      })
      return adopt(await listen(forwarder, 0))
    }

    test.each([
      ["2025-11-25", "/conformance/mcp", () => `${upstream.origin}/mcp`],
      ["2026-07-28", "/desk/mcp", () => scene.desk.url],
    ])("%s: nothing is lost behind the gateway", async (revision, path, at) => {
      const { origin } = await withToken(scene.origin + path)
      const [direct, through] = [await scenarios(at(), revision), await scenarios(origin + path, revision)]
      expect(direct.size).toBeGreaterThan(30)
      expect(lost(direct, through)).toEqual([])
    })
  })

  test("against the authorization server", async () => {
    const world = adopt(await makeWorld([{ name: "suite" }]))
    const port = await freePort()
    const options = {
      url: world.stack.origin,
      "client-id": world.document("suite"),
      resource: world.origin,
      port: String(port),
    }
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
    const child = spawn(process.execPath, [SUITE, "authorization", ...args], { stdio: ["ignore", "pipe", "inherit"] })
    const lines: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line)
      // It waits for somebody who opens this.
      if (!line.startsWith(`${world.stack.origin}/oauth/authorize?`)) continue
      const led = await fetch(world.clipboard("alice"), { method: "POST", body: line })
      await fetch(await led.text())
    }
    expect(lines.filter((line) => line.startsWith("✗"))).toEqual([])
    expect(lines.filter((line) => line.startsWith("✓"))).toHaveLength(2)
  })
})
