/** What it costs that a deployment was claimed: one request of a new isolate, and nothing afterwards. */
import {
  createExecutionContext,
  createScheduledController,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { serve } from "../../src/app.ts"
import { Authorizer } from "../../src/gateway/rpc.ts"
import worker from "../../src/index.ts"
import { publications } from "../../src/bundles/publications.ts"
import { Notices } from "../../src/notifications/notice-outbox.ts"
import { Outbound } from "../../src/notifications/outbound.ts"
import { outboundOf } from "../../src/notifications/outbound-stub.ts"
import { settingsOf } from "../../src/platform/config.ts"
import { publish, yard } from "../harness/bundles.ts"
import { forgetCaches, freshIsolate } from "../harness/isolate.ts"
import { DESK, network, sentOf } from "../harness/receivers.ts"
import { logged } from "../harness/worker-log.ts"

beforeEach(freshIsolate)

const CLAIMED = "https://claimed.example"

/** Without a configured owner; counts the questions whose it is, which fail while `isDown`. */
function unowned(isDown = () => false) {
  let asked = 0
  const counted = {
    ownership: async () => {
      asked += 1
      if (isDown()) throw new Error("it is down, by a test")
      return publications(env).ownership()
    },
    newest: async () => publications(env).newest(),
    accept: async (jws: string) => publications(env).accept(jws),
  }
  const PUBLICATIONS = { getByName: () => counted }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one object, counted
  const given = { ...env, ISSUER: "", PUBLISHER_KEYS: "", PUBLICATIONS } as unknown as Env
  return { given, asked: () => asked }
}

const own = async (issuer = CLAIMED, publisherKeys = '{"keys":[]}'): Promise<void> =>
  runInDurableObject(publications(env), (_, { storage }) => {
    storage.sql.exec("INSERT INTO owner VALUES (1, ?, ?, 'k', 0)", issuer, publisherKeys)
  })

async function answer(given: Env, path = "/.well-known/authzen-configuration"): Promise<Response> {
  const execution = createExecutionContext()
  const response = await serve(new Request(CLAIMED + path), given, execution)
  await waitOnExecutionContext(execution)
  return response
}

test("a new isolate asks once whose it is, however many requests wait for that, and never again", async () => {
  await own()
  forgetCaches()
  const { given, asked } = unowned()
  const answers = await Promise.all(Array.from({ length: 20 }, async () => answer(given)))
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
  expect(await answers[0]?.json()).toMatchObject({ policy_decision_point: CLAIMED })
  for (let again = 0; again < 20; again++) expect((await answer(given)).status).toBe(200)
  expect(asked()).toBe(1)
})

test("an isolate of a deployment that nobody has claimed asks once in a second, whoever sends how much", async () => {
  const { given, asked } = unowned()
  const answers = await Promise.all(Array.from({ length: 50 }, async () => answer(given)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
  expect((await answer(given)).status).toBe(503)
  expect(asked()).toBe(1)
  await own()
  await expect.poll(async () => (await answer(given)).status, { timeout: 3_000 }).toBe(200)
})

test("a Worker that is bound to a deployment without an owner is denied, and told why", async () => {
  const { given } = unowned()
  const authorizer = new Authorizer(createExecutionContext(), given)
  const call = { key: "k", method: "GET", url: "https://api.test/files/a", headers: {} }
  const denied = { allowed: false, status: 503, body: expect.stringContaining('"error":"unclaimed"') }
  expect(await authorizer.authorize(call)).toMatchObject(denied)
  expect(await authorizer.tools({ key: "k", server: "desk", headers: {}, body: "{}" })).toMatchObject(denied)
  expect(await authorizer.settle({ key: "k", decision: "dec_1", task: "t" })).toMatchObject(denied)
})

test("an object where no request has ever been hands its notices over all the same", async () => {
  await publish({ ...(await yard()), receivers: [DESK] })
  const { issuer, publisherKeys } = settingsOf(env).stated
  await own(issuer ?? "", JSON.stringify(publisherKeys))
  forgetCaches()
  const net = network()
  const { given, asked } = unowned()
  const data = {
    kind: "switch",
    switch: "swi_1",
    before: null,
    operator: "o",
    stopped: { kind: "everything" },
  } as const
  const isLeft = await runInDurableObject(env.LEDGER.getByName("of nobody"), async (_ledger, state) => {
    const notices = new Notices(state, given)
    notices.keep({ type: "switch.set", at: Date.now(), decision: "dec_1", data })
    await notices.send()
    return notices.hasAny()
  })
  expect(isLeft).toBe(false)
  expect(asked()).toBe(1)
  await sentOf(net, 1, "desk.test")
})

test("nor do deliveries and the schedule wait for a request", async () => {
  await own()
  forgetCaches()
  const { given, asked } = unowned()
  await runInDurableObject(outboundOf(env, DESK.id), async (_outbound, state) => new Outbound(state, given).alarm())
  expect([asked(), logged("deliveries_failed")]).toEqual([1, []])
  forgetCaches()
  const execution = createExecutionContext()
  await worker.scheduled(createScheduledController(), given, execution)
  await waitOnExecutionContext(execution)
  expect(asked()).toBe(2)
})

test("while it cannot be asked, nothing is served, and nobody is told that it is unclaimed", async () => {
  await own()
  forgetCaches()
  let isDown = true
  const { given } = unowned(() => isDown)
  const response = await answer(given)
  expect([response.status, await response.json()]).toMatchObject([503, { error: "unavailable" }])
  expect(logged("owner_not_read")).toHaveLength(1)
  isDown = false
  await expect.poll(async () => (await answer(given)).status, { timeout: 5_000 }).toBe(200)
})
