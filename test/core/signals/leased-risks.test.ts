import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { lastOf } from "../../../src/core/guardrails/risk.ts"
import { currentLease, forgetSwitches } from "../../../src/revocation/lease.ts"
import { MAX_RISKS, reportedRisksOf } from "../../../src/core/signals/leased-risks.ts"
import { Switchboard, switchboard } from "../../../src/revocation/switchboard.ts"
import { freshIsolateForEach } from "../../harness/each-test.ts"
import { killObjects } from "../../harness/isolate.ts"
import { known, rate } from "../../harness/risks.ts"
import { keepLeases } from "../../harness/switches.ts"

freshIsolateForEach()

const ALICE = "https://idp.test|alice"
const HOUR = { level: 80, halfLife: 3600 }
const names = async () => (await known()).map(([, name]) => name)
const lease = async () => {
  forgetSwitches()
  return currentLease({ env, background: () => undefined })
}

describe("the switchboard", () => {
  test("keeps what is told of an agent or a user, the newest only, through a crash, until it is lifted", async () => {
    await rate("agent", "a", { level: 20, halfLife: 60 })
    await rate("agent", "a", HOUR)
    await rate("user", "a", { level: 1, halfLife: 60 })
    const both = [
      ["agent", "a", 80, expect.any(Number), 3600],
      ["user", "a", 1, expect.any(Number), 60],
    ]
    // Of level 1 nothing is left a moment later.
    expect([both, both.slice(0, 1)]).toContainEqual(await known())
    await killObjects()
    expect(await names()).toEqual(["a"])
    await rate("agent", "a", null)
    expect(await names()).toEqual([])
    await killObjects()
    expect(await names()).toEqual([])
  })

  test("answers only once no lease of before can still be relied on", async () => {
    keepLeases()
    await killObjects()
    await switchboard(env).read()
    const start = Date.now()
    await switchboard(env).rate("agent", "a", HOUR)
    expect(Date.now() - start).toBeGreaterThanOrEqual(2_000)
  })

  test("drops what has decayed, by itself, and what is the lowest when it is full", async () => {
    await switchboard(env).risks()
    await runInDurableObject(switchboard(env), (_board, ctx) => {
      const now = Date.now()
      ctx.storage.transactionSync(() => {
        for (let index = 0; index < MAX_RISKS; index++) {
          const told = { level: index === 7 ? 30 : 40, at: now, halfLife: index === 8 ? 60 : 3600 }
          const row = ["agent", `a${index}`, told.level, told.at, told.halfLife, lastOf(told)]
          ctx.storage.sql.exec("INSERT INTO risks VALUES ('', ?, ?, ?, ?, ?, ?)", ...row)
        }
      })
    })
    expect(await names()).not.toContain("b")
    await rate("agent", "b", { level: 2, halfLife: 3600 })
    const after = await names()
    expect(after).toHaveLength(10_000)
    expect(after).toContain("b")
    expect(after).not.toContain("a7")
    // Again for the same thing takes no room.
    await rate("agent", "b", { level: 3, halfLife: 3600 })
    expect(await names()).toEqual(after)
    // Now it is the lowest itself.
    await rate("user", "c", HOUR)
    expect(await names()).not.toContain("b")

    vi.useFakeTimers({ now: Date.now() + 6 * 60_000, toFake: ["Date"] })
    expect(await names()).not.toContain("a8")
    vi.setSystemTime(Date.now() + 24 * 3_600_000)
    expect(await known()).toEqual([])
  })
})

describe("a lease", () => {
  test("tells of a call's user and agents, and of nobody else", async () => {
    const told = (await lease())?.risks ?? null
    expect(told).toBeNull()
    expect(reportedRisksOf(told, ["a"], ALICE)).toEqual([])
    await Promise.all([rate("agent", "a", HOUR), rate("agent", "b", HOUR), rate("user", ALICE, HOUR)])
    const { risks = null } = (await lease()) ?? {}
    const of = (agents: readonly string[], user: string | null) =>
      reportedRisksOf(risks, agents, user).map(({ name }) => name)
    expect(of(["c", "a"], null)).toEqual(["a"])
    expect(of(["c", ALICE], "b")).toEqual([])
    expect(of(["b", "a"], ALICE)).toEqual([ALICE, "b", "a"])
    expect(reportedRisksOf(risks, ["a"], null)).toMatchObject([{ kind: "agent", name: "a", signal: HOUR }])
  })

  test("with risks that cannot be read is none: nobody is let through", async () => {
    const rest = '"switches":[],"observations":{"tools":[],"headers":[],"full":false}'
    for (const risks of ['[["agent","a",80,1]]', '[["key","a",80,1,60]]', "{}", "null"]) {
      vi.spyOn(Switchboard.prototype, "read").mockReturnValue(`{${rest},"risks":${risks}}`)
      expect(await lease()).toBeNull()
    }
  })
})
