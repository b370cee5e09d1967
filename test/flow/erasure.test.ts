/** An operator erases a person: their tasks end, what the ledgers say of them is deleted, and what limits remains. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env, exports } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { Ledger } from "../../src/ledger/ledger.ts"
import { ledgerOf as objectOf } from "../../src/platform/task-id.ts"
import {
  AUDIENCE,
  JWT_BEARER,
  exchangeForm,
  openChild,
  openTask,
  openTaskFor,
  postForm,
  type Form,
} from "../harness/agents.ts"
import { questionIn } from "../harness/approvals.ts"
import { publish, yard } from "../harness/bundles.ts"
import { at } from "../harness/clock.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { accessToken, agentId, IDP, svid, US } from "../harness/issuers.ts"
import { ledgerOf } from "../harness/ledgers.ts"
import { read, send } from "../harness/labelled-calls.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf, recordsOf } from "../harness/records.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

yardForEach()

const ALICE = `${IDP}|alice`
const answers = z.object({
  user: z.string(),
  ended: z.number(),
  erased: z.number(),
  remains: z.array(z.object({ where: z.string(), what: z.string(), until: z.number().nullable() })),
})

const ask = async (user = ALICE, bearer?: string) =>
  manage("POST", "/v1/users/erase", bearer ?? (await bearerOf("operator")), {}, { user, reason: "their request" })
const erase = async (user = ALICE): Promise<z.infer<typeof answers>> => {
  const { status, json } = await ask(user)
  expect(status).toBe(200)
  return answers.parse(json)
}
const isLeft = ({ remains }: z.infer<typeof answers>, where: string): boolean =>
  remains.some((each) => each.where === where)

/** All that an object has stored, but for records on their way to their log, of which the journal's rows have theirs. */
const storedIn = async (owner: Parameters<typeof objectOf>[1]): Promise<string> =>
  runInDurableObject(objectOf(env, owner), (_object, { storage }) => {
    const tables = storage.sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
      )
      .toArray()
      .filter(({ name }) => name !== "outbox" && !name.includes("notice"))
    const columns = (name: string): string => (name === "journal" ? "json_extract(body, '$.rows') AS rows" : "*")
    return JSON.stringify(
      tables.map(({ name }) => [name, storage.sql.exec(`SELECT ${columns(name)} FROM "${name}"`).toArray()]),
    )
  })
const PERSON = { issuer: IDP, subject: "alice" }

async function askConsent(): Promise<string> {
  const form = { login_hint: ALICE, scope: "openid files.*:read", binding_message: "the consent text" }
  const assertion = { client_assertion: await svid("first"), client_assertion_type: JWT_BEARER, audience: AUDIENCE }
  const body = new URLSearchParams({ ...form, ...assertion })
  const response = await exports.default.fetch(new Request(`${US}/oauth/bc-authorize`, { method: "POST", body }))
  return z.object({ auth_req_id: z.string() }).parse(await response.json()).auth_req_id
}
const poll = async (id: string): Promise<string | undefined> => {
  const assertion: Form = { client_assertion: await svid("first"), client_assertion_type: JWT_BEARER }
  const form = { grant_type: "urn:openid:params:grant-type:ciba", auth_req_id: id, audience: AUDIENCE, ...assertion }
  return (await postForm(form)).refused?.error
}

describe("once the erasure is answered", () => {
  test("no token of the person's tasks opens anything, nor is anything of them stored, after a crash too", async () => {
    const root = await openTask()
    const child = await openChild(root.token, "second")
    const held = await openTask("third")
    await manage("POST", `/v1/tasks/${held.task}/quarantine`, await bearerOf("operator"))
    expect(await storedIn(PERSON)).toContain("alice")
    expect(await erase()).toMatchObject({ user: ALICE, ended: 3, erased: 2 })
    const codes = async () =>
      Promise.all([root, child, held].map(async ({ token }) => (await callWith(token, "/files")).code))
    expect(await codes()).toEqual(["invalid_token", "invalid_token", "invalid_token"])
    expect((await postForm({ ...(await exchangeForm("first")), task: root.task })).refused?.error).toBe(
      "invalid_request",
    )
    expect(await storedIn(PERSON)).not.toMatch(/alice|tsk_/u)
    await killObjects()
    expect(await codes()).toEqual(["invalid_token", "invalid_token", "invalid_token"])
    expect(await storedIn(PERSON)).not.toMatch(/alice|tsk_/u)
  })

  test("nothing of trees that had ended is stored, however many they are", async () => {
    for (let index = 0; index < 7; index++) {
      const { task, token } = await openTask()
      expect((await manage("POST", `/v1/tasks/${task}/complete`, `Bearer ${token}`)).status).toBe(200)
    }
    await killObjects()
    await openTask()
    expect(await erase()).toMatchObject({ ended: 1, erased: 8 })
    expect(await storedIn(PERSON)).not.toMatch(/alice|tsk_/u)
  })

  test("a request for the approval of a call is gone, with the arguments of the call", async () => {
    const { token, task } = await openTask()
    const pay = {
      method: "POST",
      body: JSON.stringify({ amount: 111 }),
      headers: { "Content-Type": "application/json" },
    }
    const id = await questionIn(await callWith(token, "/till/somebody", pay))
    expect(await storedIn(PERSON)).toContain("somebody")
    await erase()
    expect(await storedIn(PERSON)).not.toContain("somebody")
    const path = `/v1/tasks/${task}/approvals/${id}`
    const bearer = `Bearer ${await accessToken("carol", "cli", { claims: { groups: ["finance"] } })}`
    expect((await manage("POST", path, bearer, {}, { approve: true })).status).toBe(404)
  })

  test("a request for their consent is gone from the ledger of its agent, with its words", async () => {
    const id = await askConsent()
    expect(await storedIn({ agent: historyKeyOf(agentId("first")) })).toContain("the consent text")
    expect(await erase()).toMatchObject({ ended: 1, erased: 1 })
    expect(await storedIn({ agent: historyKeyOf(agentId("first")) })).not.toMatch(/alice|consent text/u)
    expect(await poll(id)).toBe("invalid_grant")
    expect((await manage("GET", "/v1/approvals", `Bearer ${await accessToken("alice", "cli")}`)).json).toEqual({
      approvals: [],
    })
  })

  test("others go on as before", async () => {
    const ofBob = await openTaskFor("bob")
    await openTask()
    expect(await erase()).toMatchObject({ ended: 1 })
    expect((await callWith(ofBob.token, "/files")).code).toBe("ok")
  })
})

test("records that were on their way leave the ledger once they have arrived", async () => {
  const { task, token } = await openTask()
  // The agent carries a label, so the ledger remains.
  await read(await openTask())
  const last = await callWith(token, "/mail", { method: "POST", body: JSON.stringify({ to: "somebody@example.org" }) })
  await erase()
  await recordOf(last.decision)
  await vi.waitFor(async () => {
    const left = await runInDurableObject(ledgerOf(task), (_object, { storage }) =>
      JSON.stringify(storage.sql.exec("SELECT body FROM journal").toArray()),
    )
    expect(left).not.toMatch(/alice|tsk_/u)
  }, 5_000)
})

describe("no history is laundered", () => {
  test("an agent carries its labels on, into tasks that are opened later", async () => {
    expect(await read(await openTask())).toBe("ok")
    const answer = await erase()
    await killObjects()
    expect(await send(await openTask())).toBe("policy_denied")
    const start = Date.now()
    const counts = answer.remains.find(({ where }) => where === "counts")?.until ?? 0
    expect(Math.abs(counts - start - 3_660_000)).toBeLessThan(60_000)
  })

  test("a limit for the user counts what was done before, and nothing remains once its span has ended", async () => {
    const body = await yard()
    const all = window({ id: "all", tools: ["files.*"], per: "task", limit: 2, seconds: 600 }, { per: ["user"] })
    await publish({ ...body, guardrails: [all] }, 2)
    forgetCaches()
    const start = Date.now()
    at(start)
    const { token } = await openTask()
    for (let nth = 0; nth < 2; nth++) expect((await callWith(token, "/files")).code).toBe("ok")
    expect(isLeft(await erase(), "counts")).toBe(true)
    await killObjects()
    at(start + 500_000)
    expect((await callWith((await openTask()).token, "/files")).code).toBe("rate_limited")
    expect(await erase()).toMatchObject({ ended: 1, erased: 1 })
    at(start + 700_000)
    await vi.waitFor(async () => {
      await runDurableObjectAlarm(objectOf(env, PERSON))
      expect(await storedIn(PERSON)).toBe("[]")
    })
    expect(isLeft(await erase(), "counts")).toBe(false)
  })
})

test("says what is left elsewhere, and may be repeated", async () => {
  const before = Date.now()
  await openTask()
  expect(await erase()).toMatchObject({ ended: 1, erased: 1 })
  const again = await erase()
  expect(again).toMatchObject({ ended: 0, erased: 0 })
  expect(again.remains.map(({ where }) => where)).toEqual([
    "consents",
    "switches",
    "sessions",
    "notices",
    "records",
    "recovery",
  ])
  const daysOf = (place: string): number =>
    Math.round(((again.remains.find(({ where }) => where === place)?.until ?? 0) - before) / 86_400_000)
  expect(daysOf("recovery")).toBe(30)
  // A day of tries, and a week as a dead letter.
  expect(daysOf("notices")).toBe(8)
  expect(await erase(`${IDP}|nobody`)).toMatchObject({ ended: 0, erased: 0 })
})

test("is recorded, with the end of each tree", async () => {
  const { task } = await openTask()
  const { headers } = await ask()
  expect(await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({
    kind: "management",
    operator: `${IDP}|operator`,
    user: ALICE,
    arguments: { user: ALICE, reason: "their request" },
  })
  const ends = (await recordsOf(task, 2)).filter(({ kind }) => kind === "end")
  expect(ends).toMatchObject([
    { task, operator: `${IDP}|operator`, user: ALICE, arguments: { reason: "their request" } },
  ])
})

test("is for operators of that role, and for a name with an issuer", async () => {
  const { token } = await openTask()
  const bearers = [`Bearer ${token}`, await bearerOf("viewer"), await bearerOf("approver")]
  expect(await Promise.all(bearers.map(async (bearer) => (await ask(ALICE, bearer)).status))).toEqual([401, 403, 403])
  expect((await ask("alice")).status).toBe(400)
  expect((await callWith(token, "/files")).code).toBe("ok")
})

test("says so if a ledger is out of reach, and can be asked again", async () => {
  const { token } = await openTask()
  vi.spyOn(Ledger.prototype, "erase").mockImplementation(() => {
    throw new Error("an inner failure, by a test")
  })
  expect((await ask()).status).toBe(503)
  vi.restoreAllMocks()
  expect((await callWith(token, "/files")).code).toBe("ok")
  expect(await erase()).toMatchObject({ ended: 1 })
})

test("while calls are made: what is admitted was decided before it, and nothing is admitted after its answer", async () => {
  const { token } = await openTask()
  let isErased = false
  const late: string[] = []
  const caller = async (): Promise<void> => {
    for (let nth = 0; nth < 20; nth++) {
      const began = isErased
      const { code } = await callWith(token, "/files")
      expect(["ok", "invalid_token"]).toContain(code)
      if (began) late.push(code)
    }
  }
  const eraser = async (): Promise<void> => {
    await erase()
    isErased = true
  }
  await Promise.all([...Array.from({ length: 4 }, caller), eraser()])
  late.push((await callWith(token, "/files")).code)
  expect(new Set(late)).toEqual(new Set(["invalid_token"]))
})
