/** What docs/reference/costs.md says of each kind of call, counted again on the real Worker. */
import { readFile } from "node:fs/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { countAll, type Counts } from "../../bench/costs/count.ts"
import { KINDS, type Kind } from "../../bench/costs/kinds.ts"
import { PAGE, saidOf, sharesOf, type Shares } from "../../bench/costs/page.ts"
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
 * By chance two items that are used once share an object and its alarm, and records are sent in batches by time: so much
 * a count may be above another of the same code. One row more for each call alone is more than that.
 */
const CHANCE = { part: 0.05, alone: 0.15, "in a loop": 0.005 } as const
/** Of lone calls: a log that happens to seal its records once more writes five rows, a quarter of one for each of twenty calls. */
const SEALED_BY_CHANCE = { alone: 0.6, "in a loop": 0 } as const
/** An isolate asks by its own clock: how often meanwhile is chance. */
const ASKED_BY_CHANCE = 0.2

const withoutLog = ({ ledger, others }: Shares): number => ledger + others

test.each(KINDS)("$name, $pace, takes no more than the page of costs says", (kind) => {
  const said = saidOf(page, kind)
  const counts = counted.get(kind)
  if (!said || !counts) throw new Error("the page has no such kind: npm run bench:costs -- --write")
  const atMost = (value: number): number => value * (1 + CHANCE.part) + CHANCE[kind.pace]
  for (const [what, shares] of [
    ["requests", said.requests],
    ["written", said.written],
  ] as const) {
    const now = sharesOf(counts, what)
    expect(now.ledger, `${what}, in the ledger`).toBeLessThanOrEqual(atMost(shares.ledger))
    expect(withoutLog(now), `${what}, in all objects but the log`).toBeLessThanOrEqual(atMost(withoutLog(shares)))
    expect(now.log, `${what}, in the log`).toBeLessThanOrEqual(atMost(shares.log) + SEALED_BY_CHANCE[kind.pace])
    expect(now.isolate, `${what}, for the isolate`).toBeLessThanOrEqual(atMost(shares.isolate) + ASKED_BY_CHANCE)
  }
})
