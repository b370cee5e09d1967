/**
 * What people and agents do while the platform's clock makes a step: an approval, a grant, an erasure. What was used is
 * used, what was ended is ended, and nothing that waits lives longer for the step.
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

interface Act {
  /** Before the step: whatever must not have an effect any more. @returns attempts at that */
  readonly begin: () => Promise<Attempts>
}
/** Each answers whether it has succeeded, which it must not. */
type Attempts = Readonly<Record<string, () => Promise<boolean>>>

const write = async (token: string): Promise<GatewayAnswer> =>
  callWith(token, "/files/a", {
    method: "PUT",
    body: JSON.stringify({ text: "hello" }),
    headers: { "Content-Type": "application/json" },
  })
const writes = async (token: string) => async (): Promise<boolean> => (await write(token)).code === "ok"

/** A write that waits for a person. */
async function asked() {
  const body = await yard()
  const first = window(
    { id: "asked", tools: ["files.write"], per: "task", limit: 0, seconds: 60 },
    { consequence: "approve" },
  )
  await publish({ ...body, guardrails: [...body.guardrails, first] }, 2)
  const { token, task } = await openTask("first", { scope: "files.*:write" })
  return { token, task, id: await questionIn(await write(token)) }
}

const ACTS: Readonly<Record<string, Act>> = {
  "an approval that was used": {
    async begin() {
      const { token, ...question } = await asked()
      expect((await say(question, await bearerOf("operator"))).status).toBe(200)
      expect((await write(token)).code).toBe("ok")
      return { "the call again": await writes(token) }
    },
  },
  "an approval that was refused": {
    async begin() {
      const { token, ...question } = await asked()
      expect((await say(question, await bearerOf("operator"), { approve: false })).status).toBe(200)
      return {
        "the call again": await writes(token),
        "another answer": async () => (await say(question, await bearerOf("operator"))).status === 200,
      }
    },
  },
  "a code that was redeemed": {
    async begin() {
      const code = await codeFor()
      expect((await redeem(code)).status).toBe(200)
      return { "the code again": async () => (await redeem(code)).status === 200 }
    },
  },
  "a refresh token that was replaced by one that was used": {
    async begin() {
      const { issued } = await redeem(await codeFor())
      const second = await refreshBy(issued?.refresh_token ?? "")
      expect((await refreshBy(second.issued?.refresh_token ?? "")).status).toBe(200)
      return { "the token again": async () => (await refreshBy(issued?.refresh_token ?? "")).status === 200 }
    },
  },
  "a person who was erased": {
    async begin() {
      const { token } = await openTask()
      const code = await codeFor()
      const body = { user: `${IDP}|alice`, reason: "their request" }
      expect((await manage("POST", "/v1/users/erase", await bearerOf("operator"), {}, body)).status).toBe(200)
      return {
        "a call": async () => (await callWith(token, "/files")).code === "ok",
        "what they agreed to": async () => (await redeem(code)).status === 200,
      }
    },
  },
}

describe.each(STEPS)("a clock that steps by %i ms, and is right again", (by) => {
  test.each(Object.entries(ACTS))("gives nothing back of %s", async (_name, { begin }) => {
    const attempts = await begin()
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

/** What may still be used, for so many milliseconds. */
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
  "an approval that was given": {
    life: HOUR_MS,
    async begin() {
      const { token, ...question } = await asked()
      expect((await say(question, await bearerOf("operator"))).status).toBe(200)
      const { issued } = await postForm({ ...(await exchangeForm("first")), task: question.task })
      return async () => (await write(issued?.access_token ?? token)).code === "ok"
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

  test.each(STEPS.filter((by) => by < -life))("lives no longer for a clock that steps by %i ms", async (by) => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    const use = await begin()
    vi.setSystemTime(start + by)
    // The ledger sees the step by this.
    await openTask("second")
    vi.setSystemTime(start + by + life + 1_000)
    expect(await use()).toBe(false)
    vi.setSystemTime(start + 2 * HOUR_MS)
    expect(await use()).toBe(false)
  })
})
