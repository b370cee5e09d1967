/** Shared counts against their model, at the object that lends them. */
import { LentRun, type LentKind } from "./lending.ts"
import { soakEach } from "./soak.ts"

const CALLS = { kind: "calls" } as const
const SUM = { kind: "sum", field: "arguments.amount" } as const
const NAMES = { kind: "distinct", field: "arguments.to" } as const
const one = (): number => 1

const KINDS: readonly LentKind[] = [
  {
    name: "shared, sliding, 50 in 1 s",
    part: 0.1,
    limits: [50, 20],
    span: { kind: "sliding", seconds: 1 },
    measure: CALLS,
    trees: 30,
    amount: one,
  },
  {
    name: "shared, sliding, 200 in 2 s",
    part: 0.1,
    limits: [200, 120],
    span: { kind: "sliding", seconds: 2 },
    measure: CALLS,
    trees: 20,
    amount: one,
  },
  {
    name: "shared, sliding, 1,000 in 10 s",
    part: 0.2,
    limits: [1_000, 300],
    span: { kind: "sliding", seconds: 10 },
    measure: CALLS,
    trees: 5,
    amount: one,
  },
  {
    name: "shared, sliding, 100,000 in 1 h",
    part: 0.1,
    limits: [100_000],
    span: { kind: "sliding", seconds: 3_600 },
    measure: CALLS,
    trees: 20,
    amount: one,
  },
  {
    name: "shared, fixed, 500 in 10 s",
    part: 0.1,
    limits: [500, 60],
    span: { kind: "fixed", seconds: 10 },
    measure: CALLS,
    trees: 10,
    amount: one,
  },
  {
    name: "shared, bucket, 600 in 60 s",
    part: 0.2,
    limits: [600, 1_200],
    span: { kind: "bucket", seconds: 60, burst: 30 },
    measure: CALLS,
    trees: 10,
    amount: (dice) => dice.below(4) + 1,
  },
  {
    name: "shared, sum",
    part: 0.1,
    limits: [5_000_000, 2_000_000],
    span: { kind: "sliding", seconds: 600 },
    measure: SUM,
    trees: 10,
    amount: (dice) => dice.below(40_000) + 1,
  },
  {
    name: "shared, distinct, sliding",
    part: 0.1,
    limits: [100, 40],
    span: { kind: "sliding", seconds: 60 },
    measure: NAMES,
    trees: 10,
    amount: one,
    values: 1_000,
  },
  {
    name: "shared, distinct, fixed",
    part: 0.1,
    limits: [40, 90],
    span: { kind: "fixed", seconds: 60 },
    measure: NAMES,
    trees: 10,
    amount: one,
    values: 300,
  },
]

soakEach(KINDS, async (kind, seed, slices) => {
  const run = new LentRun(kind, seed)
  for (const slice of slices) run.go(slice)
  return run.result
})
