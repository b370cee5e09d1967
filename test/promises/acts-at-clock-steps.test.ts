/**
 * Approvals, grants and erasures while the platform's clock is set back or ahead. What was used stays used, what was ended
 * stays ended, and nothing that is still valid lives longer because the clock was set back.
 */
import { describe, expect, test, vi } from "vitest"
import { exchangeForm, openTask, postForm } from "../harness/agents.ts"
import { questionIn, say } from "../harness/approvals.ts"
import { codeFor, redeem, refreshBy } from "../harness/browser.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { IDP } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const STEPS = [1_000, 5 * MINUTE_MS, 26 * HOUR_MS].flatMap((by) => [by, -by])

yardForEach()

/** Each returns whether it has succeeded, which it must not. */
type Attempts = Readonly<Record<string, () => Promise<boolean>>>

const write = async (token: string): Promise<GatewayAnswer> =>
  callWith(token, "/files/a", {
    method: "PUT",
    body: JSON.stringify({ text: "hello" }),
    headers: { "Content-Type": "application/json" },
  })
const mayWrite = async (token: string): Promise<boolean> => (await write(token)).code === "ok"

/** A write that waits for a person. */
async function asked() {
  const body = await yard()
  const always = window(
    { id: "always", tools: ["files.write"], per: "task", limit: 0, seconds: 60 },
    { consequence: "approve" },
  )
  await publish({ ...body, guardrails: [...body.guardrails, always] }, 2)
  const { token, task } = await openTask("first", { scope: "files.*:write" })
  return { token, task, id: await questionIn(await write(token)) }
}

/** What is over before the step. */
const ACTS: Readonly<Record<string, () => Promise<Attempts>>> = {
  async "an approval that was used"() {
    const { token, ...question } = await asked()
    expect((await say(question, await bearerOf("operator"))).status).toBe(200)
    expect((await write(token)).code).toBe("ok")
    return { "the call again": async () => mayWrite(token) }
  },
  async "an approval that was refused"() {
    const { token, ...question } = await asked()
    expect((await say(question, await bearerOf("operator"), { approve: false })).status).toBe(200)
    return {
      "the call again": async () => mayWrite(token),
      "another answer": async () => (await say(question, await bearerOf("operator"))).status === 200,
    }
  },
  async "a code that was redeemed"() {
    const code = await codeFor()
    expect((await redeem(code)).status).toBe(200)
    return { "the code again": async () => (await redeem(code)).status === 200 }
  },
  async "a refresh token that was replaced by one that was used"() {
    const { issued } = await redeem(await codeFor())
    const second = await refreshBy(issued?.refresh_token ?? "")
    expect((await refreshBy(second.issued?.refresh_token ?? "")).status).toBe(200)
    return { "the token again": async () => (await refreshBy(issued?.refresh_token ?? "")).status === 200 }
  },
  async "a person who was erased"() {
    const { token } = await openTask()
    const code = await codeFor()
    const body = { user: `${IDP}|alice`, reason: "their request" }
    expect((await manage("POST", "/v1/users/erase", await bearerOf("operator"), {}, body)).status).toBe(200)
    return {
      "a call": async () => (await callWith(token, "/files")).code === "ok",
      "what they agreed to": async () => (await redeem(code)).status === 200,
    }
  },
}

describe.each(STEPS)("a clock that steps by %i ms, and is right again", (by) => {
  test.each(Object.entries(ACTS))("gives nothing back of %s", async (_name, act) => {
    const attempts = await act()
    const start = Date.now()
    for (const [what, now] of [
      ["while it is wrong", start + by],
      ["right again", start + 2_000],
    ] as const) {
      vi.useFakeTimers({ toFake: ["Date"], now })
      for (const dies of [false, true]) {
        if (dies) await killObjects()
        forgetCaches()
        for (const [attempt, succeeds] of Object.entries(attempts)) {
          expect(await succeeds(), `${attempt}, ${what}${dies ? ", from storage" : ""}`).toBe(false)
        }
      }
    }
    expect((await postForm(await exchangeForm("first"))).status).toBe(200)
  })
})

/** What may be used for so many milliseconds, by the clock that is wrong too. */
interface Wait {
  readonly life: number
  /** @returns whether it can be used */
  readonly begin: () => Promise<() => Promise<boolean>>
}

const WAITS: Readonly<Record<string, Wait>> = {
  "a code": {
    life: MINUTE_MS,
    async begin() {
      const code = await codeFor()
      return async () => (await redeem(code)).status === 200
    },
  },
  "a refresh token that was used": {
    life: 10_000,
    async begin() {
      const first = (await redeem(await codeFor())).issued?.refresh_token ?? ""
      expect((await refreshBy(first)).status).toBe(200)
      return async () => (await refreshBy(first)).status === 200
    },
  },
  // Nobody knows for how long the person meant it: after any step back the call has to be approved again.
  "an approval that was given": {
    life: 0,
    async begin() {
      const { token, ...question } = await asked()
      expect((await say(question, await bearerOf("operator"))).status).toBe(200)
      return async () => mayWrite(token)
    },
  },
}

describe.each(Object.entries(WAITS))("%s", (_name, { life, begin }) => {
  test("can be used before it expires", async () => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    const use = await begin()
    expect(await use()).toBe(true)
  })

  describe.each(STEPS.filter((by) => by < -life))("for a clock that steps by %i ms", (by) => {
    test.each([
      ["in memory", false],
      ["from storage", true],
    ])("lives no longer, %s", async (_where, dies) => {
      const start = Date.now()
      vi.useFakeTimers({ toFake: ["Date"], now: start })
      const use = await begin()
      if (dies) await killObjects()
      vi.setSystemTime(start + by)
      // The ledger sees the step by this.
      await openTask("second")
      vi.setSystemTime(start + by + life + 1_000)
      expect(await use()).toBe(false)
      vi.setSystemTime(start + 2 * HOUR_MS)
      expect(await use()).toBe(false)
    })
  })
})
