/** What docs/reference/costs.md says of each kind of call, counted again on the real Worker. */
import { readFile } from "node:fs/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { countAll, type Counts } from "../../bench/costs/count.ts"
import { KINDS, type Kind } from "../../bench/costs/kinds.ts"
import { PAGE, saidOf, sharesOf, totalOf, type Shares } from "../../bench/costs/page.ts"
import { Lab, PACES } from "../../bench/lab.ts"

let lab: Lab
let page: string
let counted: ReadonlyMap<Kind, Counts>

beforeAll(async () => {
  lab = await Lab.open(PACES.quick, () => undefined)
  page = await readFile(PAGE, "utf8")
  counted = await countAll(lab, KINDS)
}, 300_000)
afterAll(() => lab[Symbol.asyncDispose]())

/**
 * By chance two items that are used once share an object and its alarm, and records are sent, and sealed, in batches by
 * time: so much a count may be above another of the same code. One row more for each call alone is more than that: 20 calls
 * that the edge denies were sent in 25 to 28 batches, of 5 rows each.
 */
const PART_BY_CHANCE = { alone: 0.02, "in a loop": 0.05 } as const
const BY_CHANCE = { alone: 0.5, "in a loop": 0.005 } as const
/**
 * A log that happens to seal its records twice more than usual is above that. Such a count is made again: what code writes
 * it writes each time.
 */
const COUNTS = 3
/** An isolate asks by its own clock: how often meanwhile is chance. */
const ASKED_BY_CHANCE = 0.2

const own = (shares: Shares): number => totalOf(shares) - shares.isolate

test.each(KINDS)("$name, $pace, takes no more than the page of costs says", { timeout: 300_000 }, async (kind) => {
  for (let count = 1; count < COUNTS && excessOf(kind).length > 0; count++)
    counted = new Map([...counted, ...(await countAll(lab, [kind]))])
  expect(excessOf(kind)).toEqual([])
})

/** Each share of what was counted that is above what the page says. */
function excessOf(kind: Kind): readonly string[] {
  const said = saidOf(page, kind)
  const counts = counted.get(kind)
  if (!said || !counts) throw new Error("the page has no such kind: npm run bench:costs -- --write")
  const atMost = (value: number): number => value * (1 + PART_BY_CHANCE[kind.pace]) + BY_CHANCE[kind.pace]
  return (["requests", "written"] as const).flatMap((what) => {
    const [now, shares] = [sharesOf(counts, what), said[what]]
    const compared = [
      ["in the ledger", now.ledger, atMost(shares.ledger)],
      ["in all objects of the call", own(now), atMost(own(shares))],
      ["for the isolate", now.isolate, atMost(shares.isolate) + ASKED_BY_CHANCE],
    ] as const
    return compared.flatMap(([where, value, most]) =>
      value <= most ? [] : `${what}, ${where}: ${value} above ${most}`,
    )
  })
}
