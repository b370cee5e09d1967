/** The simulated ledger, held against what was counted on the real Worker: docs/reference/costs.md. */
import { describe, expect, it } from "vitest"
import { costsTable } from "../../../bench/capacity/costs-table.ts"
import { LOOP, rulesOf, simulateLedger } from "../../../bench/capacity/ledger.ts"
import type { CallKind, PlannedTask } from "../../../bench/capacity/plan.ts"
import { logUseOf } from "../../../bench/capacity/shared.ts"

const table = costsTable()
const rules = rulesOf(table, false)

const taskOf = (at: number, calls: readonly { readonly at: number; readonly kind: CallKind }[]): PlannedTask => ({
  at,
  until: at + 3_600_000,
  user: "any",
  agent: "any",
  renewedAt: [],
  calls,
})

/** As bench:costs counts it: what the calls take above the task itself. */
function perCall(count: number, gap: number, kind: CallKind): { readonly requests: number; readonly written: number } {
  const calls = Array.from({ length: count }, (_, index) => ({ at: 10_000 + index * gap, kind }))
  const [all, without] = [simulateLedger([taskOf(0, calls)], rules).use, simulateLedger([taskOf(0, [])], rules).use]
  return { requests: (all.requests - without.requests) / count, written: (all.written - without.written) / count }
}

/** A tenth. */
function expectWithin(simulated: number, counted: number): void {
  expect(simulated).toBeGreaterThan(counted * 0.9)
  expect(simulated).toBeLessThan(counted * 1.1)
}

describe("calls that come alone, 5 s apart", () => {
  it.each([
    ["read", "read"],
    ["write", "write"],
    ["denied", "denied by a rule"],
    ["list", "list of tools"],
  ] as const)("%s", (kind, name) => {
    const { requests, written } = table(name, "alone")
    const simulated = perCall(20, 5_000, kind)
    expectWithin(simulated.requests, requests.ledger)
    expectWithin(simulated.written, written.ledger)
  })
})

describe("reads in a loop", () => {
  it("of the page of costs", () => {
    const { requests, written } = table("read", "in a loop")
    const simulated = perCall(LOOP.calls, 1000 / LOOP.perSecond, "read")
    expectWithin(simulated.requests, requests.ledger)
    expectWithin(simulated.written, written.ledger)
  })

  it("send to the log about twice as often as ledgers that share an isolate do", () => {
    const calls = Array.from({ length: LOOP.calls }, (_, index) => ({
      at: 10_000 + (index * 1000) / LOOP.perSecond,
      kind: "read" as const,
    }))
    const [all, without] = [calls, []].map(
      (each) => logUseOf(simulateLedger([taskOf(0, each)], rules).appends).requests,
    )
    const part = ((all ?? 0) - (without ?? 0)) / LOOP.calls / table("read", "in a loop").requests.log
    expect(part).toBeGreaterThan(1.5)
    expect(part).toBeLessThan(2.5)
  })

  it("take the fewer rows the faster they come, and up to three a second at least one each", () => {
    const rows = [2_000, 500, 100, 30, 20, 10].map((gap) => perCall(300, gap, "read").written)
    expect(rows).toEqual(rows.toSorted((one, other) => other - one))
    expect(perCall(300, 334, "read").written).toBeGreaterThanOrEqual(1)
  })
})

describe("a token, until nothing is left of its task", () => {
  it("for a new person", () => {
    const { requests, written } = table("token exchange for a new user", "alone")
    const { use } = simulateLedger([taskOf(0, [])], rules)
    expect(use.requests).toBe(requests.ledger)
    expect(use.written).toBe(written.ledger)
  })

  it("for one whose ledger there is", () => {
    const { written } = table("token exchange", "alone")
    const tasks = Array.from({ length: 21 }, (_, index) => taskOf(index * 5_000, []))
    const [all, first] = [simulateLedger(tasks, rules).use, simulateLedger(tasks.slice(0, 1), rules).use]
    expectWithin((all.written - first.written) / 20, written.ledger)
  })
})
