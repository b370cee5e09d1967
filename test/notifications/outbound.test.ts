/** One receiver's queue: what it keeps, when it tries again, what it gives up, and that nothing gets lost on the way. */
import { createHmac } from "node:crypto"
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { Webhook } from "standardwebhooks"
import { beforeEach, describe, expect, inject, test, vi } from "vitest"
import { outboundOf, OUTBOUND_VERSION } from "../../src/notifications/outbound-stub.ts"
import type { Notice } from "../../src/core/notices/notice.ts"
import type { ReceiverDefinition } from "../../src/core/policy/definition/receivers.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { killObjects } from "../harness/isolate.ts"
import { CHAT, deliveriesOf, DESK, network, OTHER, ring, sentOf, type Network } from "../harness/receivers.ts"

const MINUTE = 60_000
const DAY = 86_400_000

const to = (id: string, url: string): ReceiverDefinition => ({ ...DESK, format: "standard", id, url, arguments: false })
const PRIVATE: readonly string[] = [
  "http://desk.test/hooks",
  "https://127.0.0.1/hooks",
  "https://localhost/hooks",
  "https://10.1.2.3/hooks",
  "https://169.254.169.254/latest/meta-data",
  "https://[::1]/hooks",
  "https://[fd00::1]/hooks",
  "https://0x7f.1/hooks",
  "https://2130706433/hooks",
  "https://hooks.internal/x",
  "https://hooks/x",
  "https://user:secret@desk.test/hooks",
  "file:///etc/passwd",
  "no url",
]

let net: Network
async function withReceivers(...receivers: readonly ReceiverDefinition[]): Promise<void> {
  await publish({ ...(await yard()), receivers })
}

beforeEach(async () => {
  await withReceivers(DESK, CHAT, OTHER)
  net = network()
})
freshIsolateForEach()

let made = 0
function notice(): Notice {
  const id = `evt_${String(++made).padStart(26, "0")}`
  const data = {
    kind: "switch",
    switch: "swi_1",
    stopped: { kind: "user", user: "https://idp.test|alice" },
    before: null,
    operator: "https://idp.test|operator",
  } as const
  return { id, type: "switch.set", at: Date.now(), decision: "dec_1", data }
}

async function take(receiver: string, told: Notice = notice()): Promise<Notice> {
  expect(await outboundOf(env, receiver).take(OUTBOUND_VERSION, receiver, told.id, JSON.stringify(told), 1)).toBe(true)
  return told
}

const settled = async (receiver: string) => {
  await vi.waitFor(async () => expect((await deliveriesOf(receiver)).waiting).toBe(0), { timeout: 8_000, interval: 20 })
  return deliveriesOf(receiver)
}
const failed = async (receiver: string) =>
  vi.waitFor(
    async () => {
      const deliveries = await deliveriesOf(receiver)
      expect(deliveries.last_failure).not.toBeNull()
      return deliveries
    },
    { timeout: 8_000, interval: 20 },
  )

/** The clock goes on by so much, and what is due by then is done. */
async function later(receiver: string, milliseconds: number): Promise<void> {
  vi.setSystemTime(Date.now() + milliseconds)
  await ring(receiver)
}

describe("a delivery", () => {
  test("is signed by each key of the receiver, as whoever knows Standard Webhooks verifies it", async () => {
    const told = await take("desk")
    const [sent] = await sentOf(net, 1)
    if (!sent) throw new Error("nothing was sent")
    expect(sent.url).toBe("https://desk.test/hooks")
    expect(sent.headers.get("content-type")).toBe("application/json")
    const headers = Object.fromEntries(sent.headers)
    const keys = (inject("webhookSecrets")["desk"] ?? "").split(" ")
    expect(keys).toHaveLength(2)
    for (const key of keys) expect(new Webhook(key).verify(sent.body, headers)).toMatchObject({ type: "switch.set" })
    expect(() => new Webhook(`whsec_${btoa("x".repeat(32))}`).verify(sent.body, headers)).toThrow("signature")
    expect(() => new Webhook(keys[0] ?? "").verify(`${sent.body} `, headers)).toThrow("signature")
    // By hand as well: the library is what has signed it.
    const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${sent.body}`
    const byHand = keys.map((key) => {
      const bytes = Buffer.from(key.slice("whsec_".length), "base64")
      return `v1,${createHmac("sha256", bytes).update(signed).digest("base64")}`
    })
    expect(headers["webhook-signature"]).toBe(byHand.join(" "))
    expect(headers["webhook-id"]).toBe(told.id)
    expect(Object.keys(JSON.parse(sent.body))).toEqual(["type", "timestamp", "data", "text"])
    expect(await settled("desk")).toMatchObject({ waiting: 0, dead: 0, succeeded_at: expect.any(Number), gone: false })
  })

  test("keeps its id in every try, and says anew when it was made", async () => {
    net.answer = () => new Response("no", { status: 500 })
    vi.useFakeTimers({ toFake: ["Date"] })
    const told = await take("desk")
    await failed("desk")
    await later("desk", MINUTE)
    await sentOf(net, 2)
    const [first, second] = net.sent
    expect([first, second].map((sent) => sent?.headers.get("webhook-id"))).toEqual([told.id, told.id])
    expect(second?.body).toBe(first?.body)
    const at = (sent: typeof first): number => Number(sent?.headers.get("webhook-timestamp"))
    expect(at(second)).toBeGreaterThanOrEqual(at(first) + 60)
  })

  test("that is handed over twice is made once, also after it was made", async () => {
    const told = await take("desk")
    await take("desk", told)
    await settled("desk")
    await take("desk", told)
    await take("desk")
    await settled("desk")
    expect(net.sent.map(({ headers }) => headers.get("webhook-id")).filter((id) => id === told.id)).toHaveLength(1)
  })

  test("is not taken by an object that runs other code", async () => {
    expect(await outboundOf(env, "desk").take(OUTBOUND_VERSION + 1, "desk", "evt_1", "{}", 1)).toBe(false)
    expect(await deliveriesOf("desk")).toMatchObject({ waiting: 0 })
  })

  test("survives a crash between being kept and being made", async () => {
    const told = await take("desk")
    await killObjects()
    await vi.waitFor(() => expect(net.sent.length).toBeGreaterThan(0), { timeout: 8_000, interval: 20 })
    expect(new Set(net.sent.map(({ headers }) => headers.get("webhook-id")))).toEqual(new Set([told.id]))
    expect(await settled("desk")).toMatchObject({ dead: 0 })
  })

  test("in which its object dies counts as a try, and is made again", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    net.answer = async () => new Promise<Response>(() => {})
    const told = await take("desk")
    await sentOf(net, 1)
    await killObjects()
    net.answer = () => new Response(null, { status: 204 })
    const tries = await runInDurableObject(outboundOf(env, "desk"), (_, { storage }) =>
      storage.sql.exec<{ tries: number }>("SELECT tries FROM waiting").toArray(),
    )
    expect(tries).toEqual([{ tries: 1 }])
    await later("desk", MINUTE)
    await settled("desk")
    expect(net.sent.map(({ headers }) => headers.get("webhook-id"))).toEqual([told.id, told.id])
  })
})

describe("a receiver that fails", () => {
  test("is tried later and later for a day; then the letter is dead, and an operator can have it sent once more", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    net.answer = () => new Response("secret of the receiver", { status: 503 })
    const told = await take("desk")
    await failed("desk")
    const start = Date.now()
    for (let round = 0; round < 60 && (await deliveriesOf("desk")).dead === 0; round++) {
      const { next_at } = await deliveriesOf("desk")
      await later("desk", Math.max(0, (next_at ?? 0) - Date.now()))
    }
    const over = await deliveriesOf("desk")
    expect(over).toMatchObject({ waiting: 0, dead: 1, last_failure: { reason: "failing", status: 503 } })
    expect(over.dead_letters).toEqual([
      { id: told.id, type: "switch.set", reason: "failing", tries: expect.any(Number), died_at: expect.any(Number) },
    ])
    expect(JSON.stringify(over)).not.toContain("secret of the receiver")
    expect(Date.now() - start).toBeGreaterThan(DAY / 2)
    expect(Date.now() - start).toBeLessThanOrEqual(DAY)
    expect(net.sent.length).toBeGreaterThan(8)
    net.answer = () => new Response(null, { status: 200 })
    expect(await outboundOf(env, "desk").retry(told.id)).toBe(1)
    await ring("desk")
    expect(await settled("desk")).toMatchObject({ waiting: 0, dead: 0 })
    expect(await outboundOf(env, "desk").retry(told.id)).toBe(0)
  })

  test("holds all back as long as it asks to, and no longer than an hour", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    net.answer = () => new Response(null, { status: 429, headers: { "Retry-After": "120" } })
    await take("desk")
    await failed("desk")
    net.answer = () => new Response(null, { status: 204 })
    await take("desk")
    await later("desk", 119_000)
    expect(net.sent).toHaveLength(1)
    await later("desk", 2_000)
    await settled("desk")
    expect(net.sent).toHaveLength(3)
  })

  test("with one message keeps no other back: what is refused is tried four times", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    const poison = notice()
    net.answer = ({ headers }) => new Response(null, { status: headers.get("webhook-id") === poison.id ? 400 : 204 })
    await take("desk", poison)
    await failed("desk")
    await take("desk")
    await vi.waitFor(async () => expect((await deliveriesOf("desk")).waiting).toBe(1))
    for (let round = 0; round < 10; round++) await later("desk", 10 * MINUTE)
    const { dead_letters } = await settled("desk")
    expect(dead_letters).toMatchObject([{ id: poison.id, reason: "refused", tries: 4 }])
  })

  test("says 410: nothing more is sent to this address, until an operator or another address says otherwise", async () => {
    net.answer = () => new Response(null, { status: 410 })
    await take("desk")
    expect(await settled("desk")).toMatchObject({ gone: true, dead_letters: [{ reason: "gone" }] })
    net.answer = () => new Response(null, { status: 204 })
    await take("desk")
    expect((await settled("desk")).dead_letters).toMatchObject([{ reason: "gone" }, { reason: "gone" }])
    expect(net.sent).toHaveLength(1)
    await outboundOf(env, "desk").retry(null)
    expect(await settled("desk")).toMatchObject({ gone: false, dead: 0 })
    expect(net.sent).toHaveLength(3)
  })

  test("is not followed to where it points", async () => {
    net.answer = () => new Response(null, { status: 302, headers: { Location: "https://elsewhere.test/" } })
    await take("desk")
    expect(await failed("desk")).toMatchObject({ last_failure: { reason: "redirected", status: 302 } })
    expect(net.sent.map(({ url }) => url)).toEqual(["https://desk.test/hooks"])
  })

  test.each<readonly [string, Error]>([
    ["timeout", new DOMException("The operation timed out.", "TimeoutError")],
    ["unreachable", new TypeError("Network connection lost.")],
  ])("of which nothing is heard is one that fails: %s", async (reason, error) => {
    net.answer = () => error
    await take("desk")
    expect(await failed("desk")).toMatchObject({ waiting: 1, last_failure: { reason, status: null } })
  })
})

describe("fail closed", () => {
  test.each<readonly [string, ReceiverDefinition, string]>([
    ["a webhook without a secret", to("unknown", "https://desk.test/hooks"), "secret_missing"],
    ["a webhook whose secret is none", to("broken", "https://desk.test/hooks"), "secret_malformed"],
    ["a chat without an address", { ...CHAT, id: "unknown" }, "secret_missing"],
    ["a chat whose address is none", { ...CHAT, id: "broken" }, "secret_malformed"],
    ["a chat on a private host", { ...CHAT, id: "inside" }, "url_refused"],
    ["a receiver of signals without its bearer key", { ...OTHER, id: "unknown" }, "secret_missing"],
  ])("%s is told nothing: the letter is dead, with the reason", async (_, receiver, reason) => {
    await withReceivers(receiver)
    await take(receiver.id)
    expect(await settled(receiver.id)).toMatchObject({ dead: 1, dead_letters: [{ reason, tries: 0 }] })
    expect(net.sent).toEqual([])
  })

  test.each(PRIVATE)("%s is sent nothing", async (url) => {
    await withReceivers(to("desk", url))
    await take("desk")
    expect(await settled("desk")).toMatchObject({ dead_letters: [{ reason: "url_refused" }] })
    expect(net.sent).toEqual([])
  })

  test("whoever is no receiver any more is sent nothing", async () => {
    await withReceivers(CHAT)
    await take("desk")
    expect(await settled("desk")).toMatchObject({ dead_letters: [{ reason: "receiver_unknown" }] })
    expect(net.sent).toEqual([])
  })
})

describe("bounds", () => {
  test("a full queue gives up its oldest, and takes what comes", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    net.answer = () => new Response(null, { status: 503, headers: { "Retry-After": "3600" } })
    const first = await take("desk")
    await failed("desk")
    await runInDurableObject(outboundOf(env, "desk"), async (outbound) => {
      for (let count = 0; count < 1_000; count++) {
        const told = notice()
        await outbound.take(OUTBOUND_VERSION, "desk", told.id, JSON.stringify(told), 1)
      }
    })
    expect(await deliveriesOf("desk")).toMatchObject({
      waiting: 1_000,
      dead: 1,
      dead_letters: [{ id: first.id, reason: "queue_full", tries: 1 }],
    })
  })

  test("the dead are kept for a week", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    net.answer = () => new Response(null, { status: 410 })
    await take("desk")
    await settled("desk")
    await later("desk", 7 * DAY - MINUTE)
    expect(await deliveriesOf("desk")).toMatchObject({ dead: 1 })
    await later("desk", 2 * MINUTE)
    expect(await deliveriesOf("desk")).toMatchObject({ dead: 0 })
  })
})
