import { describe, expect, test } from "vitest"
import {
  approvalFor,
  MAX_OPEN_APPROVALS,
  requestApproval,
  applyVote,
  type Approval,
  type Exactly,
} from "../../../src/core/task/approval.ts"
import { applyApproval, applyEnd } from "../../../src/core/task/transition.ts"
import { newState } from "../../harness/trees.ts"
import { historyKeyOf } from "../../../src/core/guardrails/history-key.ts"

const NOW = 1_800_000_000_000
const EXACTLY: Exactly = {
  task: `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}.1`,
  tool: "till.pay",
  call: "till.pay 5f",
  request: "a hash",
  environment: "live",
  guardrail: null,
  name: "finance",
}

function asked(more: Partial<Exactly & Pick<Approval, "terms" | "id" | "rules" | "status" | "uses">> = {}): Approval {
  const shown = { agent: "", purpose: "", chain: [], user: null, method: "POST", arguments: "{}", redacted: [] }
  const terms = { need: 2, mostUses: 3 }
  const of = {
    id: "apr_1",
    rules: [],
    figures: null,
    shown,
    inboxes: [],
    decision: "dec_1",
    bundle: 1,
    expiresAt: NOW + 1000,
    limitedBy: "approval_life" as const,
    terms,
  }
  return { ...requestApproval({ ...EXACTLY, ...of, ...more }, NOW), ...more }
}

const vote = (approval: Approval, by: string, approved = true, uses: number | null = null, now = NOW) =>
  applyVote(approval, { by, approved, uses }, now)

function counted(outcome: ReturnType<typeof vote>): Approval {
  if (typeof outcome === "string") throw new Error(outcome)
  return outcome
}

describe("an approval is about one thing exactly", () => {
  test.each<Partial<Exactly>>([
    { task: `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}` },
    { task: `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}.1.1` },
    { tool: "till.paid" },
    { call: "till.pay 60" },
    { request: "another" },
    { environment: "test" },
    { guardrail: "finance" },
    { name: null },
    { name: "treasury" },
  ])("and not about %j", (other) => {
    const known = new Map([["apr_1", asked()]])
    expect(approvalFor(known, EXACTLY, [], NOW)).toEqual(asked())
    expect(approvalFor(known, { ...EXACTLY, ...other }, [], NOW)).toBeNull()
  })

  test("as long as it counts; of two the later one", () => {
    const [first, second] = [asked(), asked({ id: "apr_2" })]
    const known = new Map([first, second].map((each) => [each.id, each]))
    expect(approvalFor(known, EXACTLY, [], NOW + 999)).toEqual(second)
    expect(approvalFor(known, EXACTLY, [], NOW + 1000)).toBeNull()
  })
})

describe("an approval is of what asked", () => {
  const [narrow, wide] = [
    asked({ id: "apr_1", rules: ["a"], status: "approved", uses: 1 }),
    asked({ id: "apr_2", rules: ["a", "b"] }),
  ]
  const known = (...all: readonly Approval[]) => new Map(all.map((each) => [each.id, each]))
  const found = (rules: readonly string[], ...all: readonly Approval[]) =>
    approvalFor(known(...all), EXACTLY, rules, NOW)?.id ?? null

  test("and of less, never of more", () => {
    expect(found(["a"], narrow)).toBe("apr_1")
    expect(found([], narrow)).toBe("apr_1")
    expect(found(["b"], narrow)).toBeNull()
    expect(found(["a", "b"], narrow)).toBeNull()
    expect(found(["b", "a"], narrow, wide)).toBe("apr_2")
  })

  test("what can be used comes before what waits, a no before both, in whatever order they are known", () => {
    const no = asked({ id: "apr_3", rules: ["a", "b"], status: "rejected" })
    for (const all of [
      [narrow, wide],
      [wide, narrow],
    ])
      expect(found(["a"], ...all)).toBe("apr_1")
    for (const all of [
      [narrow, no, wide],
      [no, wide, narrow],
      [wide, narrow, no],
    ]) {
      for (const rules of [[], ["a"], ["a", "b"], ["c"]]) expect(found(rules, ...all)).toBe("apr_3")
    }
    expect(approvalFor(known(no), EXACTLY, [], NOW + 1000)).toBeNull()
  })

  test("what is used up is nothing", () => {
    expect(found(["a"], { ...narrow, uses: 0 })).toBeNull()
    expect(found(["a"], wide, { ...narrow, uses: 0 })).toBe("apr_2")
  })
})

describe("votes", () => {
  test("so many different people as it needs, for the fewest calls that one of them said", () => {
    const one = counted(vote(asked(), "ann", true, 2))
    expect(one).toMatchObject({ status: "pending", uses: 0 })
    expect(counted(vote(one, "ben", true, 3))).toMatchObject({ status: "approved", uses: 2 })
    expect(counted(vote(one, "ben", true, 1))).toMatchObject({ status: "approved", uses: 1 })
  })

  test("one call by anybody who states no number, however many there may be", () => {
    const one = counted(vote(asked(), "ann", true, 3))
    expect(counted(vote(one, "ben"))).toMatchObject({ status: "approved", uses: 1 })
    const other = counted(vote(asked(), "ann"))
    expect(counted(vote(other, "ben", true, 3))).toMatchObject({ status: "approved", uses: 1 })
  })

  test("of three that it needs two are not enough", () => {
    const two = counted(vote(counted(vote(asked({ terms: { need: 3, mostUses: 1 } }), "ann")), "ben"))
    expect(two).toMatchObject({ status: "pending", uses: 0 })
    expect(counted(vote(two, "cat"))).toMatchObject({ status: "approved", uses: 1 })
  })

  test("one no ends it, whatever was said before", () => {
    const one = counted(vote(asked(), "ann"))
    expect(counted(vote(one, "ben", false))).toMatchObject({ status: "rejected", uses: 0 })
  })

  test("none that comes late, twice, after the end, or wants more than there is", () => {
    const one = counted(vote(asked(), "ann"))
    const rejected = counted(vote(asked(), "ann", false))
    expect(vote(one, "ben", true, null, NOW + 1000)).toBe("expired")
    expect(vote(one, "ann")).toBe("voted")
    expect(vote(one, "ann", false)).toBe("voted")
    expect(vote(rejected, "ben")).toBe("answered")
    expect(vote(one, "ben", true, 4)).toBe("too many uses")
  })
})

describe("of questions that count an agent has fifty at most, in all of its trees for a person", () => {
  function isFull(many: number, more: Parameters<typeof asked>[0] = {}, now = NOW): boolean {
    const state = newState()
    state.ledger.clock = NOW
    for (let index = 0; index < many; index++) applyApproval(state, asked({ ...more, id: `apr_${index}` }))
    return state.ledger.openApprovals.isFull(historyKeyOf(""), MAX_OPEN_APPROVALS, now)
  }

  test.each<[string, Parameters<typeof asked>[0]]>([
    ["pending", {}],
    ["rejected", { status: "rejected" }],
    ["approved, and not used up", { status: "approved", uses: 1 }],
  ])("%s", (_, more) => {
    expect(isFull(49, more)).toBe(false)
    expect(isFull(50, more)).toBe(true)
    expect(isFull(50, more, NOW + 999)).toBe(true)
    expect(isFull(50, more, NOW + 1000)).toBe(false)
  })

  test("and not one that is used up", () => {
    expect(isFull(50, { status: "approved", uses: 0 })).toBe(false)
  })

  test("and not one of a task that has ended", () => {
    const state = newState()
    for (let index = 0; index < 50; index++) applyApproval(state, asked({ id: `apr_${index}` }))
    applyEnd(state, [EXACTLY.task], { task: EXACTLY.task, status: "completed", by: "completion" })
    expect(state.ledger.openApprovals.isFull(historyKeyOf(""), MAX_OPEN_APPROVALS, NOW)).toBe(false)
  })
})
