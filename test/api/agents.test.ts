/** Who is registered, and what of its permissions each has used. */
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { agentId } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf, recordsOf } from "../harness/records.ts"

const agentsShape = z.object({
  agents: z.array(
    z.looseObject({ id: z.string(), last_seen: z.number().nullable(), calls: z.number(), denied: z.number() }),
  ),
  more: z.boolean(),
  total: z.number(),
  looked_at: z.object({ records: z.number(), since: z.number().nullable() }),
})
const used = z.object({ tool: z.string(), calls: z.number(), denied: z.number(), last: z.number().nullable() })
const agentShape = z.looseObject({
  id: z.string(),
  permissions: z.object({
    tools: z.array(z.looseObject(used.shape)),
    total: z.number(),
    unused: z.number(),
    beyond: z.array(used),
  }),
})

yardForEach()

const listed = async (query = "") => {
  const { status, json } = await manage("GET", `/v1/agents${query}`, await bearerOf("viewer"))
  return { status, json }
}
const described = async (id: string) => manage("GET", `/v1/agents/${encodeURIComponent(id)}`, await bearerOf("viewer"))

describe("the registry", () => {
  test("is told page by page, in the order of ids", async () => {
    const seen: string[] = []
    let after = ""
    for (;;) {
      const { json } = await listed(`?limit=4${after}`)
      const { agents, more, total } = agentsShape.parse(json)
      seen.push(...agents.map(({ id }) => id))
      expect(agents.length).toBeLessThanOrEqual(4)
      if (!more) {
        expect(seen).toHaveLength(total)
        break
      }
      after = `&after=${encodeURIComponent(seen.at(-1) ?? "")}`
    }
    expect(seen).toEqual(seen.toSorted())
    expect(seen).toContain(agentId("first"))
  })

  test("tells who was seen, and who never", async () => {
    const before = Date.now()
    const { token, task } = await openTask("first")
    await callWith(token, "/files/a")
    await callWith(token, "/mail", { method: "POST", body: "{}" })
    await recordsOf(task, 3)
    const { agents } = agentsShape.parse((await listed()).json)
    const first = agents.find(({ id }) => id === agentId("first"))
    expect(first).toMatchObject({ calls: 2, denied: 1 })
    expect(first?.last_seen).toBeGreaterThanOrEqual(before - 1)
    expect(agents.find(({ id }) => id === agentId("fourth"))).toMatchObject({ last_seen: null, calls: 0 })
  })

  test("takes no question that it does not know, and leaves a record", async () => {
    expect((await listed("?limit=0")).status).toBe(400)
    expect((await listed("?owner=yard")).status).toBe(400)
    const answer = await manage("GET", "/v1/agents", await bearerOf("viewer"))
    const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({ kind: "management", decision: "allow", rules: ["viewers-look"], path: "/v1/agents" })
  })
})

describe("an agent", () => {
  test("is told with what it may do, has done, and has tried beyond that", async () => {
    const { token, task } = await openTask("second")
    await callWith(token, "/files/a")
    await callWith(token, "/mail", { method: "POST", body: "{}" })
    await recordsOf(task, 3)
    const { status, json } = await described(agentId("second"))
    expect(status).toBe(200)
    const { permissions } = agentShape.parse(json)
    expect(permissions.tools.find(({ tool }) => tool === "files.read")).toMatchObject({
      calls: 1,
      denied: 0,
      purposes: ["work", "errand"],
    })
    expect(permissions.tools.find(({ tool }) => tool === "files.write")).toMatchObject({ calls: 0, last: null })
    expect(permissions.tools.some(({ tool }) => tool === "mail.send")).toBe(false)
    expect(permissions.unused).toBe(permissions.total - 1)
    expect(permissions.beyond).toMatchObject([{ tool: "mail.send", calls: 1, denied: 1 }])
    // How it proves itself is told, the keys are not.
    expect(JSON.stringify(json)).not.toContain('"jwks"')
  })

  test("that is not registered is not there", async () => {
    expect((await described("https://nobody.test/")).status).toBe(404)
  })

  test("is for operators alone", async () => {
    const { token } = await openTask("first")
    for (const authorization of [null, `Bearer ${token}`]) {
      expect((await manage("GET", "/v1/agents", authorization)).status).toBe(401)
      expect((await manage("GET", `/v1/agents/${encodeURIComponent(agentId("first"))}`, authorization)).status).toBe(
        401,
      )
    }
  })
})

test("rates count what was allowed and denied, slot by slot, by the same questions as the list", async () => {
  const { token, task } = await openTask("first")
  await callWith(token, "/files/a")
  await callWith(token, "/mail", { method: "POST", body: "{}" })
  await recordsOf(task, 3)
  const shape = z.object({
    slot_ms: z.number(),
    slots: z.array(z.object({ at: z.number(), allowed: z.number(), denied: z.number() })),
  })
  const counted = async (query: string) => {
    const { json } = await manage("GET", `/v1/decisions/rates${query}`, await bearerOf("viewer"))
    const { slots, slot_ms } = shape.parse(json)
    expect(slots.every(({ at }, index) => index === 0 || at - (slots[index - 1]?.at ?? 0) === slot_ms)).toBe(true)
    const last = slots.at(-1)
    expect(last && Date.now() - last.at).toBeLessThanOrEqual(slot_ms)
    return slots.reduce((sum, { allowed, denied }) => [(sum[0] ?? 0) + allowed, (sum[1] ?? 0) + denied], [0, 0])
  }
  expect(await counted("")).toEqual([2, 1])
  expect(await counted("?kind=call")).toEqual([1, 1])
  expect(await counted(`?agent=${encodeURIComponent(agentId("second"))}`)).toEqual([0, 0])
  expect((await manage("GET", "/v1/decisions/rates?limit=3", await bearerOf("viewer"))).status).toBe(400)
})

test("what happened long ago is in no slot", async () => {
  vi.useFakeTimers({ now: Date.now() - 3_600_000, toFake: ["Date"] })
  const { task } = await openTask("first")
  await recordsOf(task, 1)
  vi.useRealTimers()
  const { json } = await manage("GET", "/v1/decisions/rates", await bearerOf("viewer"))
  const { slots } = z.object({ slots: z.array(z.object({ allowed: z.number() })) }).parse(json)
  expect(slots.length).toBeGreaterThan(0)
  expect(slots.reduce((sum, { allowed }) => sum + allowed, 0)).toBe(0)
})
