/** Whether a recorded call had exactly these arguments: for operators who know them, and not for guessing. */
import { describe, expect, test, vi } from "vitest"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { bearerOf, manage, type ManagementAnswer } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const ARGUMENTS = { file: "a", secret: "0417", amounts: [1, { b: 2, a: 1 }] }

async function recorded(): Promise<string> {
  const { token } = await openTask("first", { scope: "files.*:write" })
  const { file: _file, ...body } = ARGUMENTS
  const headers = { "Content-Type": "application/json" }
  const { decision } = await callWith(token, "/files/a", { method: "PUT", headers, body: JSON.stringify(body) })
  await recordOf(decision)
  return decision
}

const compared = async (
  decision: string,
  body: unknown,
  by: "viewer" | "approver" | "operator" = "operator",
): Promise<ManagementAnswer> => manage("POST", `/v1/decisions/${decision}/comparisons`, await bearerOf(by), {}, body)

describe("a comparison with a record", () => {
  test.each<readonly [string, unknown]>([
    ["no arguments", {}],
    ["arguments that are no object", { arguments: [] }],
    ["no JSON object", "junk"],
  ])("that has %s is recorded with the decision that it names", async (_, body) => {
    const { status, headers } = await compared("dec_1", body)
    expect(status).toBe(400)
    expect((await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).arguments).toEqual({ decision: "dec_1" })
  })

  test("says whether the arguments were these, in whatever order, and in any isolate", async () => {
    const decision = await recorded()
    const { file, secret, amounts } = ARGUMENTS
    expect((await compared(decision, { arguments: { amounts, secret, file } })).json).toEqual({ decision, same: true })
    forgetCaches()
    expect((await compared(decision, { arguments: ARGUMENTS })).json).toEqual({ decision, same: true })
    for (const other of [
      { ...ARGUMENTS, secret: "0418" },
      { file, secret, other: 1 },
    ]) {
      expect((await compared(decision, { arguments: other })).json).toEqual({ decision, same: false })
    }
  })

  test("of another number of arguments than the record says is no guess, and costs none", async () => {
    const decision = await recorded()
    const { file, secret } = ARGUMENTS
    for (let count = 0; count < 12; count++) {
      const { status, json } = await compared(decision, { arguments: { file, secret } })
      expect([status, json]).toMatchObject([
        400,
        { error_description: "The call had 3 arguments, and 2 were given: give them all." },
      ])
    }
    expect((await compared(decision, { arguments: ARGUMENTS })).json).toEqual({ decision, same: true })
  })

  test("with more than is read is told so", async () => {
    const { status, json } = await compared(await recorded(), { arguments: { ...ARGUMENTS, more: "x".repeat(70_000) } })
    expect([status, json]).toMatchObject([
      400,
      { error_description: expect.stringContaining("The body is longer than 65,536 bytes") },
    ])
  })

  test("is recorded with who made it, what came of it, and nothing that it was made with", async () => {
    const decision = await recorded()
    const { headers } = await compared(decision, { arguments: ARGUMENTS })
    const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({
      decision: "allow",
      arguments: { decision, same: true },
      operator: expect.any(String),
    })
    expect(JSON.stringify(record)).not.toContain("0417")
  })

  test("is for operators alone, of calls whose arguments were seen, and of one form", async () => {
    const decision = await recorded()
    for (const by of ["viewer", "approver"] as const) {
      expect((await compared(decision, { arguments: ARGUMENTS }, by)).status).toBe(403)
    }
    expect((await compared("dec_01M8815F0SB91PEW30VYE8GW8A", { arguments: ARGUMENTS })).status).toBe(404)
    const { token } = await openTask("first")
    const edge = await callWith(token, "/nowhere")
    await recordOf(edge.decision)
    expect((await compared(edge.decision, { arguments: {} })).status).toBe(404)
    for (const body of [{}, { arguments: [] }, { arguments: {}, more: 1 }, "junk"]) {
      const refused = await compared(decision, body)
      expect(refused.status).toBe(400)
      const record = await recordOf(refused.headers.get("X-Narrowgate-Decision") ?? "")
      expect(record).toMatchObject({ code: "invalid_request", operator: expect.stringContaining("operator") })
    }
  })

  test("is no oracle: after ten guesses at one record nobody is told more of it that day", async () => {
    const [decision, other] = [await recorded(), await recorded()]
    for (let pin = 0; pin < 10; pin++) {
      expect((await compared(decision, { arguments: { ...ARGUMENTS, secret: `000${pin}` } })).status).toBe(200)
    }
    const refused = await compared(decision, { arguments: ARGUMENTS })
    expect([refused.status, refused.code, refused.headers.has("Retry-After")]).toEqual([429, "rate_limited", true])
    expect((await compared(other, { arguments: ARGUMENTS })).json).toEqual({ decision: other, same: true })
    vi.useFakeTimers({ now: Date.now() + 24 * 60 * 60_000 + 1, toFake: ["Date"] })
    await publish(await yard(), 2)
    forgetCaches()
    expect((await compared(decision, { arguments: ARGUMENTS })).status).toBe(200)
    vi.useRealTimers()
  })
})
