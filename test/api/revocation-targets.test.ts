/** A stop names something that is known here, or says plainly that it does not; and it tells what it hits. */
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { RecordLog } from "../../src/audit/record-log.ts"
import { AUDIENCE, JWT_BEARER, openTask } from "../harness/agents.ts"
import { visitorAs } from "../harness/browsing.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { knock } from "../harness/door.ts"
import { agentId, SECOND_IDP, svid, US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf, recordsOf } from "../harness/records.ts"

yardForEach()

const ALICE = "https://idp.test|alice"
type Body = Readonly<Record<string, unknown>>

const revoke = async (body: Body) => manage("POST", "/v1/revocations", await bearerOf("operator"), {}, body)
const switches = async (): Promise<readonly unknown[]> => {
  const { json } = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
  return z.object({ revocations: z.array(z.unknown()) }).parse(json).revocations
}

/** A task of alice whose records have arrived. */
async function recordedTask(): Promise<string> {
  const { task, token } = await openTask("first")
  await recordOf((await callWith(token, "/files/a")).decision)
  await recordsOf(task, 2)
  return token
}

const MISSPELT: readonly (readonly [string, Body, readonly string[]])[] = [
  ["an agent", { agent: agentId("frist") }, [agentId("first")]],
  ["an agent by the end of its id", { agent: "third" }, [agentId("third")]],
  ["a tool", { tool: "files.raed" }, ["files.read"]],
  ["the tools of a server", { tool: "fles.*" }, ["files.*"]],
  ["a person", { user: "https://idp.test|alicee" }, [ALICE]],
  ["an identity provider", { issuer: "https://scond.test" }, [SECOND_IDP]],
  ["a key", { key: "none-such" }, []],
]

describe("what nothing of this name is known of", () => {
  test.each(MISSPELT)("is not stopped: %s; names that are near are told", async (_what, body, nearest) => {
    await recordedTask()
    const answer = await revoke(body)
    expect(answer).toMatchObject({ status: 404, json: { error: "not_found", nearest } })
    expect(answer.json).toMatchObject({ error_description: expect.stringContaining('"confirm": true') })
    expect(await switches()).toEqual([])
  })

  test.each(MISSPELT)("is stopped where that is confirmed: %s", async (_what, body) => {
    await recordedTask()
    expect(await revoke({ ...body, confirm: true })).toMatchObject({ status: 200, json: { known: false } })
    expect(await switches()).toHaveLength(1)
  })

  test("is asked about once more by the page, which says so and names what is near", async () => {
    const operator = await visitorAs("operator")
    const wanted = { kind: "agent", name: agentId("frist"), reason: "it runs wild", before: "" }
    const answer = await operator.post("/console/stop", wanted)
    expect([answer.status, await switches()]).toEqual([303, []])
    const page = await (await operator.get(answer.headers.get("location") ?? "")).text()
    expect(page).toContain("Nothing has this name.")
    expect(page).toContain(agentId("first"))
    const confirmed = await operator.post("/console/stop", { ...wanted, confirm: "yes" })
    expect(await switches()).toHaveLength(1)
    const done = await (await operator.get(confirmed.headers.get("location") ?? "")).text()
    expect(done).toContain("Nothing has this name.")
  })
})

test("an identity provider is not stopped by its id in the policy files, which names nobody; its issuer is told", async () => {
  expect(await revoke({ issuer: "second" })).toMatchObject({ status: 404, json: { nearest: [SECOND_IDP] } })
  expect(await revoke({ issuer: "second", confirm: true })).toMatchObject({ status: 400 })
  expect(await switches()).toEqual([])
})

test("a person whom an agent has only named is not known: a misspelt stop is no less asked about", async () => {
  await recordedTask()
  const form = {
    client_assertion: await svid("first"),
    client_assertion_type: JWT_BEARER,
    audience: AUDIENCE,
    login_hint: "https://idp.test|alicee",
    scope: "openid files.*:read",
  }
  const body = new URLSearchParams(form)
  const response = await knock(new Request(`${US}/oauth/bc-authorize`, { method: "POST", body }))
  expect(response.status).toBe(200)
  expect(await recordOf(response.headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({ user: form.login_hint })
  expect(await revoke({ user: form.login_hint })).toMatchObject({ status: 404, json: { nearest: [ALICE] } })
})

describe("what a stop hits", () => {
  const KNOWN: readonly (readonly [string, Body, object])[] = [
    ["an agent", { agent: agentId("first") }, { tools: null, recent: { tasks: 1, agents: 1, users: 1 } }],
    ["an agent that does nothing", { agent: agentId("third") }, { recent: { tasks: 0, agents: 0, users: 0 } }],
    ["a person", { user: ALICE }, { recent: { tasks: 1, agents: 1, users: 1 } }],
    ["an identity provider without sessions", { issuer: SECOND_IDP }, { recent: { tasks: 0, agents: 0, users: 0 } }],
    ["a tool", { tool: "files.read" }, { tools: 1, recent: { tasks: 1, agents: 1, users: 1 } }],
    ["everything", { everything: true }, { tools: null, recent: { tasks: 1, agents: 1, users: 1 } }],
  ]

  test.each(KNOWN)("is told before and after it is done: %s", async (_what, body, hits) => {
    const token = await recordedTask()
    expect(await revoke({ ...body, preview: true })).toMatchObject({
      status: 200,
      json: { known: true, nearest: [], hits },
    })
    expect(await switches()).toEqual([])
    expect((await callWith(token, "/files/a")).code).toBe("ok")
    expect(await revoke(body)).toMatchObject({ status: 200, json: { known: true, hits } })
  })

  test("is shown on the page before and after", async () => {
    await recordedTask()
    const operator = await visitorAs("operator")
    const wanted = { kind: "agent", name: agentId("first"), reason: "it runs wild", before: "" }
    const asked = await (await operator.get(`/console/stop/confirm?${new URLSearchParams(wanted).toString()}`)).text()
    expect(asked).toContain("at least 1 task in the last hour")
    const answer = await operator.post("/console/stop", wanted)
    const done = await (await operator.get(answer.headers.get("location") ?? "")).text()
    expect(done).toContain("at least 1 task in the last hour")
  })

  test("is unknown while no record can be read: that holds up no stop", async () => {
    const token = await recordedTask()
    vi.spyOn(RecordLog.prototype, "list").mockRejectedValue(new Error("out of reach, by a test"))
    for (const body of [
      { user: "https://idp.test|alicee" },
      { issuer: "https://gone.test" },
      { agent: agentId("first") },
    ]) {
      expect(await revoke(body)).toMatchObject({ status: 200, json: { hits: { recent: null } } })
    }
    expect((await callWith(token, "/files/a")).code).toBe("invalid_token")
  })

  test("is told to nobody who may not stop it", async () => {
    const viewer = await manage(
      "POST",
      "/v1/revocations",
      await bearerOf("viewer"),
      {},
      { everything: true, preview: true },
    )
    expect(viewer.status).toBe(403)
  })

  test("is asked of no task and no token, which end or are not there", async () => {
    for (const more of [{ preview: true }, { confirm: true }]) {
      expect((await revoke({ task: (await openTask("first")).task, ...more })).status).toBe(400)
    }
  })
})
