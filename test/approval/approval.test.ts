import { describe, expect, test } from "vitest"
import { approvalFor, askApproval, voted, type Approval, type Exactly } from "../../src/approval/approval.ts"

const NOW = 1_800_000_000_000
const EXACTLY: Exactly = {
  task: "tsk_01JZZZZZZZZZZZZZZZZZZZZZZZ.1",
  tool: "till.pay",
  call: "till.pay 5f",
  guardrail: null,
  name: "finance",
}

function asked(more: Partial<Exactly & Pick<Approval, "terms" | "id">> = {}): Approval {
  const shown = { agent: "", purpose: "", chain: [], user: null, arguments: "{}" }
  const terms = { need: 2, uses: 3, mostUses: 3 }
  const of = { id: "apr_1", rules: [], shown, decision: "dec_1", bundle: 1, expiresAt: NOW + 1000, terms }
  return askApproval({ ...EXACTLY, ...of, ...more }, NOW)
}

const vote = (approval: Approval, by: string, approved = true, uses: number | null = null, now = NOW) =>
  voted(approval, { by, approved, uses }, now)

function counted(outcome: ReturnType<typeof vote>): Approval {
  if (typeof outcome === "string") throw new Error(outcome)
  return outcome
}

describe("an approval is about one thing exactly", () => {
  test.each<Partial<Exactly>>([
    { task: "tsk_01JZZZZZZZZZZZZZZZZZZZZZZZ" },
    { task: "tsk_01JZZZZZZZZZZZZZZZZZZZZZZZ.1.1" },
    { tool: "till.paid" },
    { call: "till.pay 60" },
    { guardrail: "finance" },
    { name: null },
    { name: "treasury" },
  ])("and not about %j", (other) => {
    const known = new Map([["apr_1", asked()]])
    expect(approvalFor(known, EXACTLY, NOW)).toEqual(asked())
    expect(approvalFor(known, { ...EXACTLY, ...other }, NOW)).toBeNull()
  })

  test("as long as it counts; of two the later one", () => {
    const [first, second] = [asked(), asked({ id: "apr_2" })]
    const known = new Map([first, second].map((each) => [each.id, each]))
    expect(approvalFor(known, EXACTLY, NOW + 999)).toEqual(second)
    expect(approvalFor(known, EXACTLY, NOW + 1000)).toBeNull()
  })
})

describe("votes", () => {
  test("so many different people as it needs, for the fewest calls that one of them said", () => {
    const one = counted(vote(asked(), "ann", true, 2))
    expect(one).toMatchObject({ status: "pending", uses: 0 })
    expect(counted(vote(one, "ben"))).toMatchObject({ status: "approved", uses: 2 })
    expect(counted(vote(one, "ben", true, 1))).toMatchObject({ status: "approved", uses: 1 })
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
