/** `narrowgate try` as a newcomer uses it: the right purpose, an approval that is waited for, several calls in one task. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { freePort, twoFreePorts } from "../../../dev/loopback.ts"
import { startOwnGateways } from "../../../dev/own-gateways.ts"
import { startStack } from "../../../dev/stack.ts"
import { startEverything } from "../../../dev/upstreams.ts"
import { MAX_WAITS } from "../../../src/ledger/approval-waits.ts"
import { httpDecisions } from "../../../server/index.ts"
import { TOOL_SERVERS } from "../server/tool-servers.ts"
import { run, type Ran } from "./run.ts"

const STACK_MS = 120_000
const AGENT = "spiffe://example.org/agent/assistant"

const closing: (() => Promise<void>)[] = []
let directory: string
let where: readonly string[]

/** The tools of the reference server; one sum needs an approval, and changes are for a second purpose. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-try-"))
  closing.push(() => rm(directory, { recursive: true }))
  const everything = await startEverything({ port: 0 })
  closing.push(() => everything.close())
  const origin = `http://127.0.0.1:${await freePort()}`
  const init = ["init", "mine", "--mcp", everything.url, "--server", "everything", "--origin", origin, "--yes"]
  expect((await run(directory, init)).code).toBe(0)
  const mine = (file: string) => join(directory, "mine", file)
  const agents = await readFile(mine("agents.yaml"), "utf8")
  const change = `
  - name: change-things
    grant: { tools: [everything.*:read, everything.*:write], max_sensitivity: internal }
    default: [everything.*:read]
    life: 600

agents:
  - id: spiffe://example.org/agent/keeper
    owner: platform-team
    ceiling: { tools: [everything.*:read], max_sensitivity: restricted }
    purposes: [keep-secrets]
`
  const keep =
    "purposes:\n  - name: keep-secrets\n    grant: { tools: [everything.*:read], max_sensitivity: restricted }\n    life: 600\n"
  await writeFile(
    mine("agents.yaml"),
    agents
      .replace("purposes:\n", keep)
      .replace("\nagents:\n", change)
      .replace("purposes: [look-things-up]", "purposes: [look-things-up, change-things]")
      .replace(
        "      tools: [everything.*:read]\n      max_sensitivity: internal\n    purposes",
        "      tools: [everything.*:read, everything.*:write]\n      max_sensitivity: internal\n    purposes",
      ),
  )
  await appendFile(
    mine("access.cedar"),
    `
@id("changes")
permit (principal, action in [Action::"write", Action::"delegate"], resource == Tool::"everything.toggle-simulated-logging");
`,
  )
  await appendFile(
    mine("limits.cedar"),
    `
@id("sums-are-approved")
@remedy("approval:boss")
@message("A sum needs the boss.")
forbid (principal, action == Action::"read", resource == Tool::"everything.get-sum")
unless { context.approvals.contains("boss") };
`,
  )
  await writeFile(
    mine("approvers.yaml"),
    "approvals: [{ name: boss, approvers: [{ issuer: people, subject: olivia }], life: 15m }]\n",
  )
  const { gateways: edges } = z
    .object({ gateways: z.array(z.looseObject({ audience: z.string(), origins: z.array(z.string()) })) })
    .parse(parse(await readFile(mine("gateways.yaml"), "utf8")))
  const [edge] = edges
  if (!edge) throw new Error("init has written no gateway")
  const { audience, origins } = edge
  const asking = { id: "asking", dialect: "authzen", origins, audience, environment: "development", body: true }
  await writeFile(mine("gateways.yaml"), stringify({ gateways: [...edges, asking] }))
  await rm(mine("access.test.yaml"))
  expect((await run(directory, ["check", "mine"])).stdout).not.toContain("error:")
  const stack = await startStack({
    policies: join(directory, "mine"),
    port: await twoFreePorts(),
    state: join(directory, "state"),
  })
  closing.push(() => stack.close())
  const { body, problems } = stack.first.compiled
  if (!body) throw new Error(JSON.stringify(problems))
  const gateways = await startOwnGateways({ body, narrowgate: stack.origin })
  closing.push(() => gateways.close())
  where = ["--url", stack.origin, "--idp", stack.provider]
  const decisions = httpDecisions({ url: stack.origin, key: developmentKey("asking") })
  const asks = await TOOL_SERVERS["2.x"]?.({ decisions, reached: [] })
  if (!asks) throw new Error("no such server")
  closing.push(() => asks.close())
  await cp(join(directory, "mine"), join(directory, "asking"), { recursive: true })
  const there = (file: string) => join(directory, "asking", file)
  const catalog = await readFile(there("catalog.yaml"), "utf8")
  await writeFile(there("catalog.yaml"), catalog.replaceAll(origin, asks.origin).replaceAll("/everything/mcp", "/mcp"))
  await writeFile(there("gateways.yaml"), stringify({ gateways: [{ ...asking, origins: [asks.origin] }] }))
}, STACK_MS)
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
})

const attempt = (tool: string, ...more: string[]): Promise<Ran> =>
  run(directory, ["try", tool, "--policies", "mine", ...where, "--agent", AGENT, "--user", "alice", ...more])
const approve = (...more: string[]): Promise<Ran> =>
  run(directory, ["approvals", ...more, ...where, "--login", "olivia"])

describe("a purpose", () => {
  it("is the agent's first that covers the tool, and the tool is requested besides its default", async () => {
    const { code, stdout } = await attempt("everything.toggle-simulated-logging", "--json")
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ allowed: true })])
    const explained = await run(directory, ["explain", JSON.parse(stdout).decision, ...where, "--policies", "mine"])
    expect(explained.stdout).toContain("purpose change-things")
    const first = JSON.parse((await attempt("everything.echo", "--arguments", '{"message":"hi"}', "--json")).stdout)
    expect((await run(directory, ["explain", first.decision, ...where])).stdout).toContain("purpose look-things-up")
  })

  it("that is named does not cover it: those that do are named", async () => {
    const denied = await attempt("everything.toggle-simulated-logging", "--purpose", "look-things-up")
    expect(denied).toMatchObject({ code: 1, stdout: expect.stringContaining("\n  insufficient_scope\n") })
    expect(denied.stdout).toContain(`These cover the tool: --agent ${AGENT} --purpose change-things.`)
  })

  it("of another agent is named, if the agent has none", async () => {
    const { code, stdout } = await attempt("everything.get-env")
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining(
        "These cover the tool: --agent spiffe://example.org/agent/keeper --purpose keep-secrets.",
      ),
    ])
  })
})

describe("a server that asks Narrowgate itself", () => {
  it("answers an allowed call without naming the decision", async () => {
    const { code, stdout } = await attempt("everything.echo", "--policies", "asking", "--arguments", '{"message":"hi"}')
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^made {5}everything\.echo {2}tsk_[\w.-]+\n.*hi/u)])
    expect(stdout).toMatch(/its answer names no decision: narrowgate decisions tail --task tsk_/u)
  })

  it("denies in its tool's result", async () => {
    const wrong = ["--purpose", "change-things", "--scope", "everything.toggle-simulated-logging:write"]
    const echo = ["everything.echo", "--policies", "asking", "--arguments", '{"message":"hi"}', ...wrong] as const
    const { code, stdout } = await attempt(...echo)
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^denied {3}everything\.echo {2}dec_\w+ /u)])
    expect(stdout).toMatch(/\n {2}insufficient_scope\n[^]*why: narrowgate explain dec_/u)
    const json = JSON.parse((await attempt(...echo, "--json")).stdout)
    expect(json).toMatchObject({ allowed: false, code: "insufficient_scope" })
  })
})

it("says how the local stack learns where a server is, if nothing stands behind the gateway", async () => {
  const catalog = await readFile(join(directory, "mine/catalog.yaml"), "utf8")
  await cp(join(directory, "mine"), join(directory, "lost"), { recursive: true })
  await writeFile(join(directory, "lost/catalog.yaml"), catalog.replaceAll("/everything/mcp", "/elsewhere/mcp"))
  const { code, stderr } = await attempt("everything.echo", "--policies", "lost")
  expect([code, stderr]).toEqual([3, expect.stringContaining("answered 404 without a decision\n  fix: ")])
  expect(stderr).toContain("start the local stack with `--upstream URL`")
})

it("several calls go into one task, which each call prints", async () => {
  const echo = ["everything.echo", "--arguments", '{"message":"hi"}'] as const
  const first = await attempt(...echo)
  const task = /^allowed {2}everything\.echo {2}dec_\w+ {2}(tsk_[\w.-]+)\n/u.exec(first.stdout)?.[1] ?? "none"
  const second = JSON.parse((await attempt(...echo, "--task", task, "--json")).stdout)
  expect(second).toMatchObject({ code: null, allowed: true, task })
  const other = JSON.parse((await attempt(...echo, "--json")).stdout)
  expect(other.task).not.toBe(task)
})

it("says why a gateway with TLS does not answer, and how its own authority is trusted", async () => {
  const catalog = await readFile(join(directory, "mine/catalog.yaml"), "utf8")
  const audience = /origin: (\S+)/.exec(catalog)?.[1] ?? "none"
  await cp(join(directory, "mine"), join(directory, "secured"), { recursive: true })
  const origin = `https://127.0.0.1:${await freePort()}`
  await writeFile(join(directory, "secured/catalog.yaml"), catalog.replaceAll(audience, origin))
  const { code, stderr } = await attempt("everything.echo", "--policies", "secured", "--audience", audience)
  expect([code, stderr]).toEqual([3, expect.stringContaining(`no answer from the gateway at ${origin}: connect ECONN`)])
  expect(stderr).toContain("NODE_EXTRA_CA_CERTS=FILE")
})

it("says whom the local stack knows, if it does not know the agent or the user", async () => {
  const echo = ["try", "everything.echo", "--policies", "mine", ...where]
  const client = await run(directory, [...echo, "--agent", "https://example.org/agents/fastmcp", "--user", "alice"])
  expect(client).toMatchObject({ code: 1, stderr: expect.stringContaining("docs/guides/clients/README.md") })
  const carol = await run(directory, [...echo, "--agent", AGENT, "--user", "carol"])
  expect(carol).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("are alice (support), bob (engineering), olivia (operations), or those of"),
  })
})

describe("a call that people have to approve", () => {
  const sum = ["everything.get-sum", "--arguments", '{"a":1,"b":2}'] as const
  const pending = async (): Promise<string> => {
    for (let tries = 0; tries < 100; tries++) {
      const id = /apr_\w+/u.exec((await approve("list")).stdout)?.[0]
      if (id !== undefined) return id
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    throw new Error("nothing is pending")
  }

  it("says where, and how to go on", async () => {
    const { code, stdout } = await attempt(...sum)
    expect(code).toBe(1)
    expect(stdout).toContain("A sum needs the boss.")
    expect(stdout).toMatch(/\n {2}approve: http:\/\/127\.0\.0\.1:\d+\/console\/approvals\/tsk_[\w.-]+\/apr_\w+\n/u)
    const task = /--task (tsk_[\w.-]+)\n/u.exec(stdout)?.[1] ?? "none"
    expect((await approve("approve", await pending())).code).toBe(0)
    expect(await attempt(...sum, "--task", task)).toMatchObject({ code: 0, stdout: expect.stringContaining("3") })
  })

  it("is answered by its address too, which no list has to have", async () => {
    const { stdout } = await attempt(...sum)
    const address = /approve: (\S+)/u.exec(stdout)?.[1] ?? "none"
    expect(await approve("approve", `${address}x/y`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no address"),
    })
    const elsewhere = new URL(new URL(address).pathname, "http://127.0.0.1:1").href
    expect(await approve("approve", elsewhere)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Add --url http://127.0.0.1:1."),
    })
    expect(await approve("approve", address)).toMatchObject({ code: 0, stdout: expect.stringContaining(": approved") })
    const task = /--task (tsk_[\w.-]+)\n/u.exec(stdout)?.[1] ?? "none"
    expect((await attempt(...sum, "--task", task)).code).toBe(0)
  })

  it("is made again once they have", async () => {
    const waiting = attempt(...sum, "--wait", "60")
    expect((await approve("approve", await pending())).code).toBe(0)
    const { code, stdout, stderr } = await waiting
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^allowed {2}everything\.get-sum/u)])
    expect(stderr).toMatch(/waiting {2}http:\/\/127\.0\.0\.1:\d+\/console\/approvals\//u)
  })

  it("is waited for by the agent's own token, one request at a time", async () => {
    const agent = ["--agent", AGENT, "--user", "alice"]
    const opened = await run(directory, ["token", "exchange", ...where, ...agent, "--json"])
    const { access_token: token, task } = z
      .object({ access_token: z.string(), task: z.string() })
      .parse(JSON.parse(opened.stdout))
    const byToken = ["try", ...sum, "--policies", "mine", ...where, "--token", token]
    expect((await run(directory, byToken)).stdout).toContain("approval_required")
    const id = await pending()
    // The agent's other waits leave no place for the command's, which is then told at once when to ask again.
    const uri = new URL(`/v1/tasks/${task}/approvals/${id}`, where[1])
    const headers = { Authorization: `Bearer ${token}`, Prefer: "wait=30" }
    const others = Array.from({ length: MAX_WAITS.agent }, async () => fetch(uri, { headers }))
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    // No operator's credential: the command would present this one.
    const waiting = run(directory, [...byToken, "--wait", "60"], { NARROWGATE_TOKEN: "nobody's" })
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    expect((await approve("approve", id)).code).toBe(0)
    expect(await waiting).toMatchObject({ code: 0, stdout: expect.stringContaining("allowed") })
    await Promise.all(others)
    const read = ["decisions", "tail", "--kind", "management", "--task", task, "--json", ...where]
    await vi.waitFor(
      async () => {
        const records = (await run(directory, read)).stdout.split("\n").filter((line) => line.includes(id))
        const ofAgent = records.filter((line) => line.includes(`"chain":["${AGENT}"]`))
        expect(ofAgent.length).toBeGreaterThan(MAX_WAITS.agent)
        expect(ofAgent.length).toBeLessThan(MAX_WAITS.agent + 4)
      },
      { timeout: 10_000, interval: 500 },
    )
  })

  it("is denied if they reject it, or if nobody answers in time", async () => {
    const waiting = attempt(...sum, "--wait", "60")
    expect((await approve("reject", await pending())).code).toBe(0)
    expect((await waiting).code).toBe(1)
    expect(await attempt(...sum, "--wait", "1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("nobody has answered within 1 s"),
    })
    expect(await attempt(...sum, "--wait", "0")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--wait cannot be 0"),
    })
  })
})
