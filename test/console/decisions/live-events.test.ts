/** Decisions as they happen, over a stream: with its reader's authority, for as long as that, and no longer than they listen. */
import { describe, expect, test, vi } from "vitest"
import { openTask } from "../../harness/agents.ts"
import { visitorAs } from "../../harness/browsing.ts"
import { yardForEach } from "../../harness/each-test.ts"
import { callWith } from "../../harness/gateways.ts"
import { recordOf } from "../../harness/records.ts"
import { CLOCK_TOLERANCE_SECONDS } from "../../../src/credentials/jws/signature.ts"
import { RecordLog } from "../../../src/audit/record-log.ts"

yardForEach()

/** Reads until what has come contains it. */
function reading({ body }: Response) {
  if (!body) throw new Error("there is no stream")
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  return {
    until: async (wanted: string): Promise<string> => {
      while (!text.includes(wanted)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`it ended with ${text}`)
        text += value
      }
      return text
    },
    end: async (): Promise<string> => {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return text
        text += value
      }
    },
    leave: async () => reader.cancel(),
  }
}

describe("a stream of decisions", () => {
  test("tells what happens while it is open, by its filters, and each once", async () => {
    const { token } = await openTask("first")
    const viewer = await visitorAs("viewer")
    const answer = await viewer.get("/console/live/events?decision=deny")
    expect(answer.headers.get("content-type")).toContain("text/event-stream")
    expect(answer.headers.get("cache-control")).toContain("no-")
    const { until, leave } = reading(answer)
    await until("event: sign")
    await callWith(token, "/files/a")
    const { decision } = await callWith(token, "/mail", { method: "POST", body: "{}" })
    const text = await until(decision)
    expect(text).toContain("event: decisions")
    expect(text).not.toContain('"decision":"allow"')
    const { decision: second } = await callWith(token, "/mail", { method: "POST", body: "{}" })
    expect((await until(second)).split(`"id":"${decision}"`)).toHaveLength(2)
    await leave()
  })

  test("begins again where somebody was, but never long ago", async () => {
    const { token } = await openTask("first")
    const { decision } = await callWith(token, "/files/a")
    const viewer = await visitorAs("viewer")
    const again = reading(await viewer.get("/console/live/events?after=dec_00000000000000000000000000"))
    expect(await again.until(decision)).toContain('"gap":true')
    await again.leave()
  })

  test("tells nobody what was long ago, wherever they say that they were", async () => {
    const now = Date.now()
    vi.useFakeTimers({ now: now - 120_000, toFake: ["Date"] })
    const { token } = await openTask("first")
    const { decision: old } = await callWith(token, "/files/a")
    await recordOf(old)
    vi.useRealTimers()
    const { decision } = await callWith(token, "/files/a")
    const viewer = await visitorAs("viewer")
    for (const last of ["dec_00000000000000000000000000", old]) {
      const { until, leave } = reading(await viewer.get(`/console/live/events?after=${last}`))
      const text = await until(decision)
      expect(text).toContain('"gap":true')
      expect(text).not.toContain(`"id":"${old}"`)
      await leave()
    }
  })

  test("ends with its reader's session, though their token would last", async () => {
    const viewer = await visitorAs("viewer")
    const { until, end } = reading(await viewer.get("/console/live/events"))
    await until("event: sign")
    expect((await viewer.post("/sign-out", {})).status).toBe(200)
    expect(await end()).toContain("Session ended. Sign in again")
  }, 40_000)

  test("tells nothing that happens after its reader has signed out", async () => {
    const { token } = await openTask("first")
    const viewer = await visitorAs("viewer")
    const { until, end } = reading(await viewer.get("/console/live/events"))
    await until("event: sign")
    expect((await viewer.post("/sign-out", {})).status).toBe(200)
    const { decision } = await callWith(token, "/mail", { method: "POST", body: "{}" })
    await recordOf(decision)
    const text = await end()
    expect(text).toContain("Session ended. Sign in again")
    expect(text).not.toContain(decision)
  }, 40_000)

  test("asks no more once its reader has gone", async () => {
    const viewer = await visitorAs("viewer")
    const { until, leave } = reading(await viewer.get("/console/live/events"))
    await until("event: sign")
    await leave()
    const asked = vi.spyOn(RecordLog.prototype, "list")
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    // One look may have been under way.
    expect(asked.mock.calls.length).toBeLessThanOrEqual(5)
  })

  test("ends with its reader's token", async () => {
    const now = Math.floor(Date.now() / 1000)
    const viewer = await visitorAs("viewer", { claims: { iat: now - 100, exp: now + 3 - CLOCK_TOLERANCE_SECONDS } })
    const { end } = reading(await viewer.get("/console/live/events"))
    expect(await end()).toContain("event: end")
  })

  test("is no stream for whoever is not signed in, nor tells anything to who is no operator", async () => {
    const stranger = await visitorAs("viewer", {}, -1)
    expect((await stranger.get("/console/live/events")).status).toBe(204)
    // There is something to tell.
    const { token } = await openTask("first")
    await recordOf((await callWith(token, "/files/a")).decision)
    const again = reading(
      await (await visitorAs("viewer")).get("/console/live/events?after=dec_00000000000000000000000000"),
    )
    expect(await again.until("event: decisions")).toContain('"what":"files.read (read)"')
    await again.leave()
    const alice = await visitorAs("alice")
    const denied = await alice.get("/console/live/events?after=dec_00000000000000000000000000")
    expect(denied.status).toBe(401)
    expect(await denied.text()).not.toContain("event: decisions")
  })
})
