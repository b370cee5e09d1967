/**
 * Purposes with `isolated`: the platform gives each task a fresh context. Between live isolated tasks labels pass only
 * under the same key, from ended ones not at all; every other label reaches them as it reaches any task.
 */
import { runDurableObjectAlarm } from "cloudflare:test"
import { beforeEach, describe, expect, test } from "vitest"
import { childForm, exchangeForm, openTask, postForm, type Form, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { at } from "../harness/clock.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { askAs, callWith, ORIGIN } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"
import { ledgerOf, rowsKept } from "../harness/ledgers.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"
import { handoverOf, newProofKey, proofForToken, proofOf, type ProofKey } from "../harness/proofs.ts"

/** `work` that is isolated, and may be delegated to the other agents. */
const APART = "apart"

beforeEach(async () => {
  const body = await yard()
  const work = body.purposes.find(({ name }) => name === "work")
  if (!work) throw new Error("the yard has changed")
  const keyed = new Set(["first", "sender", "reader"].map(agentId))
  await publish({
    ...body,
    purposes: [
      ...body.purposes,
      { ...work, name: APART, isolated: true },
      { ...work, name: "brief-apart", isolated: true, life: 60 },
    ],
    agents: body.agents.map((agent) =>
      keyed.has(agent.id) ? { ...agent, purposes: [...agent.purposes, APART, "brief-apart"] } : agent,
    ),
  })
})
freshIsolateForEach()

/** An instance of an agent. */
interface Bound extends OpenTask {
  readonly key: ProofKey
}

const withProof = async (key: ProofKey) => ({ DPoP: await proofForToken(key) })

async function open(key: ProofKey, purpose = APART, agent = "first", more: Form = {}): Promise<Bound> {
  const { issued, refused } = await postForm({ ...(await exchangeForm(agent)), purpose, ...more }, await withProof(key))
  if (!issued) throw new Error(JSON.stringify(refused))
  return { token: issued.access_token, task: issued.task, scope: issued.scope, key }
}

async function openBelow({ token, key: from }: Bound, agent: string, key: ProofKey, purpose = APART): Promise<Bound> {
  const handover = await handoverOf(from, { agent: agentId(agent), jkt: key.jkt, token })
  const form = { ...(await childForm(token, agent)), purpose, handover }
  const { issued, refused } = await postForm(form, await withProof(key))
  if (!issued) throw new Error(JSON.stringify(refused))
  return { token: issued.access_token, task: issued.task, scope: issued.scope, key }
}

async function call({ token, key }: Bound, method: string, path: string, body?: string): Promise<string> {
  const once = async (nonce: string | null) => {
    const DPoP = await proofOf(key, method, ORIGIN + path, token, nonce === null ? {} : { claims: { nonce } })
    const headers = { Authorization: `DPoP ${token}`, DPoP, ...(body && { "Content-Type": "application/json" }) }
    return askAs("envoy", { method, path, headers, ...(body && { body }) })
  }
  const { code, headers } = await once(null)
  const nonce = headers.get("DPoP-Nonce")
  return nonce === null ? code : (await once(nonce)).code
}
const read = async (task: Bound): Promise<string> => call(task, "GET", "/vault/1")
const send = async (task: Bound): Promise<string> =>
  call(task, "POST", "/mail", JSON.stringify({ to: "a@example.org" }))
const end = async ({ task }: OpenTask): Promise<void> => {
  const { status } = await manage("POST", `/v1/tasks/${task}/complete`, await bearerOf("operator"))
  expect(status).toBe(200)
}
const keys = async (): Promise<readonly [ProofKey, ProofKey]> => [await newProofKey(), await newProofKey()]

test("an isolated task needs a key", async () => {
  const { refused } = await postForm({ ...(await exchangeForm("first")), purpose: APART })
  expect(refused).toMatchObject({ error: "invalid_request", error_description: expect.stringContaining("DPoP") })
})

describe("what an isolated task has read", () => {
  test.each(["before", "afterwards"])("reaches a live one of the same key that was opened %s", async (when) => {
    const [key] = await keys()
    const earlier = when === "before" ? await open(key) : null
    expect(await read(await open(key))).toBe("ok")
    await killObjects()
    expect(await send(earlier ?? (await open(key)))).toBe("policy_denied")
  })

  test.each(["before", "afterwards"])("does not reach one of another key that was opened %s", async (when) => {
    const [one, other] = await keys()
    const earlier = when === "before" ? await open(other) : null
    const reading = await open(one)
    expect(await read(reading)).toBe("ok")
    await killObjects()
    expect(await send(earlier ?? (await open(other)))).toBe("ok")
    expect(await send(reading)).toBe("policy_denied")
  })

  test.each(["same key", "another key"])("reaches none that is opened once it has ended, of the %s", async (whose) => {
    const [one, other] = await keys()
    const reading = await open(one)
    expect(await read(reading)).toBe("ok")
    await end(reading)
    expect(await send(await open(whose === "same key" ? one : other))).toBe("ok")
    await killObjects()
    expect(await send(await open(whose === "same key" ? one : other))).toBe("ok")
  })

  test("reaches none that is opened once it has expired", async () => {
    const [key] = await keys()
    const start = Date.now()
    at(start)
    const reading = await open(key, "brief-apart")
    expect(await read(reading)).toBe("ok")
    at(start + 60_000)
    expect(await send(await open(key))).toBe("ok")
  })

  test("stays with one of the same key that was there before it ended, and passes on from that one", async () => {
    const [key] = await keys()
    const [reading, beside] = [await open(key), await open(key)]
    expect(await read(reading)).toBe("ok")
    await end(reading)
    await killObjects()
    expect(await send(beside)).toBe("policy_denied")
    expect(await send(await open(key))).toBe("policy_denied")
  })

  test("is known to one that is quarantined, until it ends", async () => {
    const [key] = await keys()
    const reading = await open(key)
    expect(await read(reading)).toBe("ok")
    await manage("POST", `/v1/tasks/${reading.task}/quarantine`, await bearerOf("operator"))
    expect(await send(await open(key, "brief-apart"))).toBe("policy_denied")
  })

  test("reaches every task that is not isolated, after its end too", async () => {
    const [key] = await keys()
    const reading = await open(key)
    expect(await read(reading)).toBe("ok")
    await end(reading)
    await killObjects()
    const sending = await openTask()
    expect((await callWith(sending.token, "/mail", MAIL)).code).toBe("policy_denied")
  })

  test("reaches the isolated task of a sub-agent, and its key alone", async () => {
    const [one, other] = await keys()
    const root = await open(one)
    const child = await openBelow(root, "sender", other)
    expect(await read(root)).toBe("ok")
    expect(await send(child)).toBe("policy_denied")
    expect(await send(await open(other, APART, "sender"))).toBe("policy_denied")
    expect(await send(await open(one, APART, "sender"))).toBe("ok")
  })

  test("reaches the isolated task of a sub-agent in another tree under the same key, and no other", async () => {
    const [one, other] = await keys()
    const [sub, another] = await keys()
    await openBelow(await open(one), "sender", sub)
    await openBelow(await open(other), "sender", another)
    await killObjects()
    expect(await read(await open(one))).toBe("ok")
    expect(await send(await open(sub, APART, "sender"))).toBe("policy_denied")
    expect(await send(await open(another, APART, "sender"))).toBe("ok")
    expect((await callWith((await openTask("sender")).token, "/mail", MAIL)).code).toBe("policy_denied")
  })

  test("leaves no row of its key behind when it ends, and its own labels when it expires", async () => {
    const [one, other] = await keys()
    const start = Date.now()
    at(start)
    const [ending, expiring] = [await open(one), await open(other)]
    for (const task of [ending, expiring]) expect(await read(task)).toBe("ok")
    expect(await rowsOf(ending)).toEqual(["*", one.jkt, other.jkt].toSorted())
    await end(ending)
    expect(await rowsOf(ending)).toEqual(["*", other.jkt].toSorted())
    at(start + 600_000)
    await runDurableObjectAlarm(ledgerOf(ending.task))
    expect(await rowsOf(ending)).toEqual(["*"])
  })
})

describe("what was read outside of isolation reaches isolated tasks", () => {
  test("of any key, opened before or afterwards", async () => {
    const [one, other] = await keys()
    const before = await open(one)
    const reading = await openTask()
    expect((await callWith(reading.token, "/vault/1")).code).toBe("ok")
    await end(reading)
    await killObjects()
    expect([await send(before), await send(await open(other))]).toEqual(["policy_denied", "policy_denied"])
  })

  test.each(["before", "afterwards"])(
    "and goes on with the agent of an isolated task that was opened below %s",
    async (when) => {
      const [one, other] = await keys()
      const root = await open(one, "work")
      const earlier = when === "before" ? await openBelow(root, "sender", other) : null
      expect(await read(root)).toBe("ok")
      await end(earlier ?? (await openBelow(root, "sender", other)))
      expect(await send(await open(one, APART, "sender"))).toBe("policy_denied")
    },
  )

  test("of an agent whose task it is told that is not isolated, though an isolated one below has read it", async () => {
    const [one, other] = await keys()
    const root = await open(one, "work")
    expect(await read(await openBelow(root, "reader", other))).toBe("ok")
    expect(await send(await open(other))).toBe("policy_denied")
  })
})

test("an operator clears what an instance knows", async () => {
  const [key] = await keys()
  const [reading, beside] = [await open(key), await open(key)]
  expect(await read(reading)).toBe("ok")
  expect((await viewOf(beside.task)).carried).toEqual(["reads:confidential"])
  await manage("POST", `/v1/tasks/${reading.task}/labels/clear`, await bearerOf("operator"))
  await killObjects()
  expect(await send(beside)).toBe("ok")
})

const MAIL = {
  method: "POST",
  body: JSON.stringify({ to: "a@example.org" }),
  headers: { "Content-Type": "application/json" },
}

const rowsOf = async ({ task }: OpenTask): Promise<readonly unknown[]> =>
  (await rowsKept<{ into_tasks: string }>(task, "carried"))
    .map((row) => row.into_tasks)
    .toSorted((a, b) => (a < b ? -1 : 1))
