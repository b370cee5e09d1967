import type { DecisionRecord } from "../../src/core/record/record.ts"

/** What numbers tell of records that a tree's ledger has made. */
export interface Places {
  /** `life/number` of those that are missing, in order: another one of their life came later. */
  readonly gaps: readonly string[]
  /** The highest number of each life that has left a record. */
  readonly tails: ReadonlyMap<number, number>
}

export function placesOf(records: readonly Pick<DecisionRecord, "life" | "number">[]): Places {
  const numbers = Map.groupBy(records, ({ life }) => life ?? 0)
  const lives = Array.from(numbers, ([life, of]) => [life, new Set(of.map(({ number }) => number ?? 0))] as const)
  const tails = new Map(lives.map(([life, of]) => [life, Math.max(...of)]))
  const gaps = lives
    .toSorted(([a], [b]) => a - b)
    .flatMap(([life, of]) =>
      Array.from({ length: tails.get(life) ?? 0 }, (_, index) => index + 1)
        .filter((number) => !of.has(number))
        .map((number) => `${life}/${number}`),
    )
  return { gaps, tails }
}
