import { exports } from "cloudflare:workers"
import { beforeEach, describe, expect, test } from "vitest"
import type { Concurrency } from "../../src/core/guardrails/concurrency.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, keyOf, type GatewayAnswer } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"
import { callsOf, evict } from "../harness/ledgers.ts"

const TWO_AT_ONCE: Concurrency = {
  kind: "concurrency",
  id: "two-at-once",
  of: { tools: ["files.list"] },
  consequence: "deny",
  per: ["task", "tool"],
  limit: 2,
}

beforeEach(async () => {
  const body = await yard()
  const gateways = body.gateways.map((each) =>
    ["envoy", "kong"].includes(each.id) ? { ...each, settles: true as const } : each,
  )
  const tools = body.tools.map((tool) => (tool.name === "files.list" ? { ...tool, duration: 30 } : tool))
  await publish({ ...body, tools, gateways, guardrails: [...body.guardrails, TWO_AT_ONCE] })
})
freshIsolateForEach()

async function settle(
  { decision, headers }: GatewayAnswer,
  more: { gateway?: string; task?: string; header?: string } = {},
): Promise<number> {
  const task = more.task ?? headers.get("X-Narrowgate-Task")
  const request = new Request(`${US}/v1/calls/${decision}/settle`, {
    method: "POST",
    headers: { [more.header ?? "X-Narrowgate-Settle-Key"]: keyOf(more.gateway ?? "envoy") },
    body: JSON.stringify({ task }),
  })
  const answer = await exports.default.fetch(request)
  await answer.text()
  return answer.status
}

describe("calls under way", () => {
  test("are no more at once than there may be, until one is settled", async () => {
    const { token, task } = await openTask("first")
    const list = async (): Promise<GatewayAnswer> => callWith(token, "/files")
    const answers = await Promise.all([list(), list(), list(), list()])
    const admitted = answers.find(({ code }) => code === "ok")
    expect(answers.map(({ code }) => code).toSorted()).toEqual(["ok", "ok", "rate_limited", "rate_limited"])
    const refused = answers.find(({ code }) => code === "rate_limited")
    expect(Number(refused?.headers.get("Retry-After"))).toBeLessThanOrEqual(30)
    expect(await callsOf(task)).toBe(2)
    if (!admitted) throw new Error("none was admitted")
    expect(await settle(admitted)).toBe(200)
    // Said twice it makes no more room.
    expect(await settle(admitted)).toBe(404)
    expect([(await list()).code, (await list()).code]).toEqual(["ok", "rate_limited"])
  })

  test("are known after a crash and an eviction, and so is that they were settled", async () => {
    const { token, task } = await openTask("first")
    const [first] = [await callWith(token, "/files"), await callWith(token, "/files")]
    await killObjects()
    expect((await callWith(token, "/files")).code).toBe("rate_limited")
    expect(await settle(first)).toBe(200)
    await evict(task)
    expect((await callWith(token, "/files")).code).toBe("ok")
    expect((await callWith(token, "/files")).code).toBe("rate_limited")
  })

  test("of another task do not count", async () => {
    const [one, other] = [await openTask("first"), await openTask("first")]
    await Promise.all([callWith(one.token, "/files"), callWith(one.token, "/files")])
    expect((await callWith(other.token, "/files")).code).toBe("ok")
  })

  test.each([
    ["by a gateway that is not registered to settle", { gateway: "traefik" }, 403],
    ["by one that is, and let through none of them", { gateway: "kong" }, 404],
    ["by nobody known", { gateway: "nobody" }, 403],
    ["with the key that opens calls", { header: "X-Narrowgate-Key" }, 403],
    ["of another tree", { task: `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}` }, 404],
    ["of what is no task", { task: "tsk_1" }, 400],
    ["of another task of the tree", { below: ".1" }, 404],
  ])("are not settled %s", async (_, more: Parameters<typeof settle>[1] & { below?: string }, status) => {
    const { token, task } = await openTask("first")
    const [first] = [await callWith(token, "/files"), await callWith(token, "/files")]
    expect(await settle(first, { ...(more.below && { task: task + more.below }), ...more })).toBe(status)
    expect((await callWith(token, "/files")).code).toBe("rate_limited")
  })

  test("are settled over a service binding by the Worker that let them through, and by no other", async () => {
    const { token } = await openTask("first")
    const [first] = [await callWith(token, "/files"), await callWith(token, "/files")]
    const task = first.headers.get("X-Narrowgate-Task") ?? ""
    const said = await exports.Authorizer.settle({ key: keyOf("envoy"), decision: first.decision, task })
    expect(said).toMatchObject({ allowed: true, status: 200 })
    const again = await exports.Authorizer.settle({ key: keyOf("envoy"), decision: first.decision, task })
    expect(again).toMatchObject({ allowed: false, status: 404 })
  })
})
