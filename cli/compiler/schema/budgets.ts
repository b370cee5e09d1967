/** `budgets` of guardrails.yaml: how much. */
import { z } from "zod"
import { unitsOf } from "../../../src/core/guardrails/amount.ts"
import type { Limit, Measure, Span } from "../../../src/core/guardrails/limit-definition.ts"
import { argumentField, field } from "./field.ts"
import { among, common, commonOf, counts, MOST_VALUES, shared } from "./guardrail-entry.ts"
import { period } from "./span.ts"
import { WHERE_FINE } from "./values.ts"

/** The highest limit of what is counted by its cost, or for as long as a tree lives. */
const MOST_COUNTED = 1_000_000_000

export const budget = z
  .strictObject({
    ...common,
    per: shared,
    limit: z.number().describe("The most that is allowed. For a `sum` with at most four decimals."),
    count: counts
      .exactOptional()
      .describe("What is counted: `calls`, which is the default, or their `cost` in the catalog."),
    sum: argumentField.exactOptional().describe("Adds up the amounts in this argument, instead of counting."),
    distinct: field.exactOptional().describe("Counts the different values of this field, instead of calls."),
    every: period
      .exactOptional()
      .describe(
        "The budget starts again with each such period of UTC: `1d`, `12h`, up to `31d`. Without `every` and `within` it lasts as long as the task tree.",
      ),
    within: period.exactOptional().describe("The budget applies to any span of this length, up to `31d`."),
  })
  .refine((budget) => among(budget, ["count", "sum", "distinct"]) <= 1, {
    ...WHERE_FINE,
    error: "a budget counts one thing",
    params: { fix: "Keep one of `count`, `sum` and `distinct`." },
  })
  .refine(({ every, within }) => every === undefined || within === undefined, {
    ...WHERE_FINE,
    error: "both `every` and `within`",
    params: { fix: "Keep `every` for a period that begins anew, or `within` for any span of that length." },
  })
  .refine(({ sum, limit }) => sum === undefined || isAmount(limit), {
    ...WHERE_FINE,
    error: "not an exact amount",
    path: ["limit"],
    params: { fix: "Write a number above 0 with at most four decimals, up to 900,000,000,000." },
  })
  .refine(({ sum, distinct, limit }) => sum !== undefined || isCount(limit, distinct ? MOST_VALUES : MOST_COUNTED), {
    ...WHERE_FINE,
    error: "not a number that can be counted to",
    path: ["limit"],
    params: { fix: "Write a whole number from 1 to 1,000,000,000, of `distinct` values to 10,000." },
  })

type Budget = z.infer<typeof budget>

export function toBudget(budget: Budget): Limit {
  const { per, limit, sum, distinct, count = "calls" } = budget
  const measure: Measure = sum
    ? { kind: "sum", field: sum }
    : distinct
      ? { kind: "distinct", field: distinct }
      : { kind: count }
  const most = sum ? exactly(limit) : limit
  return { ...commonOf(budget), kind: "limit", topic: "budget", per, measure, limit: most, span: spanOf(budget) }
}

function spanOf({ every, within }: Pick<Budget, "every" | "within">): Span {
  if (every !== undefined) return { kind: "fixed", seconds: every }
  return within === undefined ? { kind: "life" } : { kind: "sliding", seconds: within }
}

/** An amount that its schema has accepted, in units. */
function exactly(amount: number): number {
  const units = unitsOf(amount)
  if (typeof units !== "number") throw new Error(`${amount} is no amount: ${units}`)
  return units
}

function isAmount(limit: number): boolean {
  const units = unitsOf(limit)
  return typeof units === "number" && units > 0
}

function isCount(limit: number, most: number): boolean {
  return Number.isInteger(limit) && limit >= 1 && limit <= most
}
