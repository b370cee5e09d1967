import { expect, test } from "vitest"
import type { Condition } from "../../../src/core/guardrails/condition.ts"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"
import { writtenGuardrail } from "../../../src/core/guardrails/kinds.ts"
import { window } from "../../harness/guardrails.ts"

const LIMIT = window({ id: "limit", tools: ["*"], per: "tree", limit: 25_000, seconds: 60 })
const SUM = { kind: "sum", field: "arguments.amount" } as const
const EVENT = { tools: ["till.pay"], where: [] }
const sum = (units: number): Condition => ({ ...SUM, event: EVENT, seconds: 60, is: { atMost: units } })
const sequence = (require: Condition): Guardrail => ({
  kind: "sequence",
  id: "sequence",
  of: { tools: ["*"] },
  consequence: "deny",
  require,
})

test.each<readonly [string, Guardrail, Guardrail]>([
  ["a sum", { ...LIMIT, measure: SUM }, { ...LIMIT, measure: SUM, limit: 2.5 }],
  ["calls, which are no amount", LIMIT, LIMIT],
  [
    "values of an amount, which are none",
    { ...LIMIT, measure: { ...SUM, kind: "distinct" } },
    { ...LIMIT, measure: { ...SUM, kind: "distinct" } },
  ],
  [
    "sums within conditions",
    sequence({ kind: "not", of: { kind: "any", of: [sum(10_000), { kind: "all", of: [sum(5)] }] } }),
    sequence({ kind: "not", of: { kind: "any", of: [sum(1), { kind: "all", of: [sum(0.0005)] }] } }),
  ],
  [
    "sums of what a past call came after",
    sequence({
      kind: "since",
      event: { ...EVENT, when: sum(20_000) },
      undoneBy: { ...EVENT, when: sum(30_000) },
      seconds: 9,
    }),
    sequence({ kind: "since", event: { ...EVENT, when: sum(2) }, undoneBy: { ...EVENT, when: sum(3) }, seconds: 9 }),
  ],
])("a guardrail is shown with the figures that were written: %s", (_what, guardrail, written) => {
  expect(writtenGuardrail(guardrail)).toEqual(written)
})
