/**
 * Promise 8 of clients that register themselves: one that registers again is another agent, and finds its history as it
 * was, because all clients of the class have one together.
 */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import { registrationObject } from "../../src/ledger/registration/registration.ts"
import { openTask, type OpenTask } from "../harness/agents.ts"
import { allow, query, redeem, sentTo, signedIn } from "../harness/browser.ts"
import { visitorAs } from "../harness/browsing.ts"
import { publish } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { IDP, US } from "../harness/issuers.ts"
import { ledgerOf } from "../harness/ledgers.ts"
import { read, send } from "../harness/labelled-calls.ts"
import { bearerOf, complete, manage, viewOf } from "../harness/management.ts"
import { METADATA, newClient, withClass } from "../harness/registration.ts"
import { CAREFUL } from "../harness/risks.ts"

yardForEach()

const REDIRECT = METADATA.redirect_uris[0]
const HISTORY = `${US}/clients/mcp`

/** A class that may read what is confidential and send mail, in the yard with these guardrails. */
async function publishClass(guardrails: readonly Guardrail[] = [], seq = 2): Promise<void> {
  const ceiling = { tools: ["*:read", "*:write"], max_sensitivity: "confidential", arguments: {} } as const
  const body = await withClass({ ceiling, per_minute: 1_000, most: 1_000 })
  await publish({ ...body, rules: [...body.rules, CAREFUL], guardrails: [...body.guardrails, ...guardrails] }, seq)
  forgetCaches()
}

/** What a person is answered who consents to all that the client asks for. */
async function answered(client: string, user = "alice"): Promise<Response> {
  const request = { client_id: client, redirect_uri: REDIRECT, scope: "vault.read:read mail.send:write files.*:read" }
  return allow(query(request), await signedIn(user))
}

async function taskOf(client: string, user = "alice"): Promise<OpenTask> {
  const code = sentTo(await answered(client, user)).searchParams.get("code") ?? ""
  const proven = { client_id: client, client_assertion: undefined, client_assertion_type: undefined }
  const { issued, refused } = await redeem(code, { ...proven, redirect_uri: REDIRECT })
  if (!issued) throw new Error(`no token: ${JSON.stringify(refused)}`)
  return { token: issued.access_token, task: issued.task, scope: issued.scope }
}

/** A task of a client that has just registered. */
const newTask = async (user = "alice"): Promise<OpenTask> => taskOf(await newClient(), user)
const list = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/files")).code
const openFile = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/files/a")).code

const limit = (more: Partial<Limit>): Limit => ({
  kind: "limit",
  topic: "window",
  id: "few",
  of: { tools: ["files.list"] },
  consequence: "deny",
  per: ["agent", "user"],
  measure: { kind: "calls" },
  limit: 2,
  span: { kind: "sliding", seconds: 3_600 },
  ...more,
})

describe("History is not laundered: a client that registers anew finds", () => {
  test("the labels of its class, in a task that is open already and in a new one, also once the ledger has died", async () => {
    await publishClass()
    const [reading, open] = [await newTask(), await newTask()]
    expect(await send(open)).toBe("ok")
    expect(await read(reading)).toBe("ok")
    expect(await send(open)).toBe("policy_denied")
    await complete(reading.task, `Bearer ${reading.token}`)
    expect(await send(await newTask())).toBe("policy_denied")
    await killObjects()
    expect(await send(await newTask())).toBe("policy_denied")
    expect((await viewOf(open.task)).carried).toEqual(["reads:confidential"])
  })

  test("that it is cleared of them where another client of the class was", async () => {
    await publishClass()
    const reading = await newTask()
    expect(await read(reading)).toBe("ok")
    const clearing = await newTask()
    expect(await send(clearing)).toBe("policy_denied")
    const { status } = await manage("POST", `/v1/tasks/${clearing.task}/labels/clear`, await bearerOf("operator"))
    expect(status).toBe(200)
    expect(await send(await newTask())).toBe("ok")
    // The tree in which was read bears the label itself.
    expect(await send(reading)).toBe("policy_denied")
  })

  test.each<readonly [string, Partial<Limit>, string]>([
    ["window", {}, "rate_limited"],
    ["budget of a day", { topic: "budget", span: { kind: "fixed", seconds: 86_400 } }, "budget_exhausted"],
  ])("its %s in the person's ledger", async (_what, more, code) => {
    await publishClass([limit(more)])
    const first = await newTask()
    expect([await list(first), await list(first)]).toEqual(["ok", "ok"])
    expect(await list(await newTask())).toBe(code)
    await killObjects()
    expect(await list(await newTask())).toBe(code)
    // A person has the whole of a limit for themselves.
    expect(await list(await newTask("bob"))).toBe("ok")
    expect(await list(await openTask())).toBe("ok")
  })

  test.each<readonly [string, Partial<Limit>, string]>([
    ["window", {}, "rate_limited"],
    ["budget", { topic: "budget" }, "budget_exhausted"],
  ])("its shared %s, which the class has for all people together", async (_what, more, code) => {
    await publishClass([limit({ ...more, per: ["agent"] })])
    const first = await newTask()
    expect([await list(first), await list(first)]).toEqual(["ok", "ok"])
    expect(await list(await newTask("bob"))).toBe(code)
    expect(await list(await openTask())).toBe("ok")
  })

  test("what it has repeated, and what it has been denied", async () => {
    const repeats = limit({ topic: "loop", id: "again", per: ["call"], history: "agent" })
    await publishClass([
      repeats,
      { kind: "storm", id: "doors", of: { tools: ["*"] }, consequence: "deny", per: "agent", limit: 3, seconds: 60 },
    ])
    const first = await newTask()
    expect([await list(first), await list(first)]).toEqual(["ok", "ok"])
    for (let nth = 0; nth < 3; nth++) expect(await list(await newTask())).toBe("loop_detected")
    expect(await openFile(await newTask())).toBe("ok")
    expect(await list(await newTask())).toBe("loop_detected")
    expect(await openFile(await newTask())).toBe("loop_detected")
    expect(await openFile(await newTask("bob"))).toBe("ok")
  })

  test("a sequence that one call of the class has broken", async () => {
    const event = { tools: ["vault.read"], where: [] }
    const never = { kind: "not", of: { kind: "formerly", event, seconds: 3_600 } } as const
    await publishClass([
      {
        kind: "sequence",
        id: "never-after",
        of: { tools: ["files.list"] },
        consequence: "deny",
        history: "agent",
        require: never,
      },
    ])
    expect(await read(await newTask())).toBe("ok")
    expect(await list(await newTask())).toBe("sequence_denied")
    expect(await list(await newTask("bob"))).toBe("ok")
  })

  test("as few live trees left as it had, and as few openings in the minute", async () => {
    await publishClass()
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    for (let nth = 0; nth < 60; nth++) await newTask()
    const fast = await answered(await newClient())
    expect([fast.status, await fast.text()]).toEqual([429, expect.stringContaining("opened just now")])
    vi.setSystemTime(start + 61_000)
    for (let nth = 60; nth < 100; nth++) await newTask()
    const full = await answered(await newClient())
    expect([full.status, await full.text()]).toEqual([429, expect.stringContaining("open")])
    expect((await answered(await newClient(), "bob")).status).toBe(303)
  })

  test("its purpose closed while an operator has to look at a task of the class", async () => {
    await publishClass([limit({ consequence: "quarantine", limit: 1 })])
    const first = await newTask()
    expect(await list(first)).toBe("ok")
    expect(await list(first)).not.toBe("ok")
    expect((await viewOf(first.task)).status).toBe("quarantined")
    for (const kill of [false, true]) {
      if (kill) await killObjects()
      const page = await answered(await newClient())
      expect([page.status, await page.text()]).toEqual([400, expect.stringContaining("is quarantined")])
    }
    expect((await answered(await newClient(), "bob")).status).toBe(303)
  })

  test("the risk that was reported of a task of the class", async () => {
    await publishClass()
    const [first, other] = [await newTask(), await newTask()]
    const report = { task: first.task, level: 90 }
    expect((await manage("POST", "/v1/risks", await bearerOf("operator"), {}, report)).status).toBe(200)
    await killObjects()
    for (const task of [first, other, await newTask()]) expect(await openFile(task)).toBe("policy_denied")
    expect(await openFile(await newTask("bob"))).toBe("ok")
    expect(await openFile(await openTask())).toBe("ok")
  })

  test("the labels that remain for their time once its person is erased, of which nothing names the client", async () => {
    await publishClass()
    const client = await newClient()
    const task = await taskOf(client)
    expect(await read(task)).toBe("ok")
    const stored = async (): Promise<string> =>
      runInDurableObject(ledgerOf(task.task), (_object, { storage }) =>
        JSON.stringify(
          ["carried", "tasks", "trees", "journal"].map((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray()),
        ),
      )
    expect(await stored()).toContain(client)
    const erasure = { user: `${IDP}|alice`, reason: "their request" }
    expect((await manage("POST", "/v1/users/erase", await bearerOf("operator"), {}, erasure)).status).toBe(200)
    await vi.waitFor(async () => expect(await stored()).not.toContain(client))
    expect(await send(await newTask())).toBe("policy_denied")
  })
})

describe("what names an agent names one client", () => {
  test("its own token and its own registration: to end one leaves the others theirs", async () => {
    await publishClass()
    const client = await newClient()
    const [ended, left] = [await taskOf(client), await newTask()]
    const { status } = await manage("DELETE", `/v1/clients/${encodeURIComponent(client)}`, await bearerOf("operator"))
    expect(status).toBe(200)
    expect([await list(ended), await list(left)]).toEqual(["invalid_token", "ok"])
  })

  test("a stop of the class, and a risk of it, are those of each client, and known names", async () => {
    await publishClass()
    const [open, agent] = [await newTask(), await openTask()]
    const post = async (path: string, body: unknown) => manage("POST", path, await bearerOf("operator"), {}, body)
    expect((await post("/v1/risks", { agent: HISTORY, level: 90 })).status).toBe(200)
    expect([await openFile(open), await openFile(agent)]).toEqual(["policy_denied", "ok"])
    expect((await post("/v1/risks", { agent: HISTORY, level: 0 })).status).toBe(200)
    expect(await openFile(open)).toBe("ok")
    expect((await post("/v1/revocations", { agent: HISTORY })).status).toBe(200)
    expect([await openFile(open), await openFile(agent)]).toEqual(["invalid_token", "ok"])
    await expect(newTask()).rejects.toThrow("no token")
    expect((await post("/v1/revocations", { agent: `${US}/clients/other` })).status).not.toBe(200)
  })

  test("the history's name is no client: nobody gets a token for it", async () => {
    await publishClass()
    expect((await answered(HISTORY)).status).toBe(400)
    expect(await registrationObject(env, HISTORY).read()).toBeNull()
  })
})

test("an operator is shown what all clients of the class have done", async () => {
  await publishClass()
  const used = z.looseObject({ tool: z.string(), calls: z.number() })
  const shown = z.looseObject({ permissions: z.looseObject({ tools: z.array(used) }) })
  const agentOf = async (id: string) =>
    shown.parse((await manage("GET", `/v1/agents/${encodeURIComponent(id)}`, await bearerOf("viewer"))).json)
  const [one, other] = [await newClient(), await newClient()]
  expect(await list(await taskOf(one))).toBe("ok")
  expect(await list(await taskOf(other))).toBe("ok")
  await vi.waitFor(async () => expect(await agentOf(one)).toMatchObject({ id: one, history: HISTORY, calls: 2 }))
  const { permissions } = await agentOf(one)
  expect(permissions.tools.find(({ tool }) => tool === "files.list")).toMatchObject({ calls: 2 })
  const viewer = await visitorAs("viewer")
  const page = async (): Promise<string> =>
    (await viewer.get(`/console/agents/agent?id=${encodeURIComponent(one)}`)).text()
  expect(await page()).toContain("the calls of all clients of its class")
  expect(await page()).not.toContain("All clients of its class are suspended")
  const stop = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { agent: HISTORY })
  expect(stop.status).toBe(200)
  expect(await page()).toContain("All clients of its class are suspended")
})
