/** What each agent has of a ledger: counted as by somebody who looks at every item each time. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Shares } from "../../../src/core/task/shares.ts"

const AGENTS = ["one", "two", "three"] as const
const agent = fc.constantFrom(...AGENTS)
const item = fc.integer({ min: 0, max: 30 }).map(String)
const change = fc.oneof(
  fc.record({
    do: fc.constant("add" as const),
    agent,
    item,
    until: fc.integer({ min: 0, max: 100 }),
    weight: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ do: fc.constant("remove" as const), agent, item }),
  fc.record({ do: fc.constant("expire" as const), agent, now: fc.integer({ min: 0, max: 100 }) }),
  fc.record({ do: fc.constant("expire all" as const), now: fc.integer({ min: 0, max: 100 }) }),
)

interface Item {
  readonly until: number
  readonly weight: number
}

/** The same, without any order: by agent, until when each item is there, and what it weighs. */
class Model {
  readonly of = new Map(AGENTS.map((each) => [each as string, new Map<string, Item>()]))

  expire(name: string, now: number): string[] {
    const items = this.of.get(name) ?? new Map<string, Item>()
    const over = [...items].filter(([, { until }]) => until <= now).map(([each]) => each)
    for (const each of over) items.delete(each)
    return over
  }
}

test("counts what was added, until it is removed or expires, in whatever order", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const [shares, model] = [new Shares<string>(), new Model()]
      for (const each of changes) {
        if (each.do === "add") {
          shares.add(each.agent, each.item, each.until, each.weight)
          model.of.get(each.agent)?.set(each.item, each)
        } else if (each.do === "remove") {
          shares.remove(each.agent, each.item)
          model.of.get(each.agent)?.delete(each.item)
        } else if (each.do === "expire") {
          const expected = model.expire(each.agent, each.now).toSorted()
          expect(shares.expire(each.agent, each.now).toSorted()).toEqual(expected)
        } else {
          const expected = AGENTS.flatMap((name) => model.expire(name, each.now)).toSorted()
          expect(shares.expireAll(each.now).toSorted()).toEqual(expected)
        }
        let total = 0
        for (const [name, items] of model.of) {
          const weight = [...items.values()].reduce((sum, one) => sum + one.weight, 0)
          const first = Math.min(...[...items.values()].map(({ until }) => until))
          expect(shares.of(name)).toBe(weight)
          expect(shares.firstOf(name)).toBe(items.size === 0 ? null : first)
          total += weight
        }
        expect(shares.total).toBe(total)
      }
    }),
  )
})

describe("a ledger that is full", () => {
  const LIMITS = { agent: 80, ledger: 100 }
  const filled = (counts: Readonly<Record<string, number>>): Shares<string> => {
    const shares = new Shares<string>()
    for (const [name, count] of Object.entries(counts)) {
      for (let nth = 0; nth < count; nth++) shares.add(name, `${nth}`, 1)
    }
    return shares
  }

  test("has no more for the agent that has most of it, and the others still get their equal part", () => {
    const shares = filled({ most: 70, neighbour: 30 })
    expect(shares.isFull("most", LIMITS, 0)).toBe(true)
    expect([shares.isFull("neighbour", LIMITS, 0), shares.isFull("newcomer", LIMITS, 0)]).toEqual([false, false])
  })

  test("still gives its part to each agent that comes, and stays bounded: fifty agents have no five times its limit", () => {
    const shares = new Shares<string>()
    for (let nth = 0; nth < 50; nth++) {
      for (let item = 0; !shares.isFull(`agent ${nth}`, LIMITS, 0) && item < 1_000; item++) {
        shares.add(`agent ${nth}`, `${item}`, 1)
      }
    }
    expect(shares.of("agent 0")).toBe(LIMITS.agent)
    expect(shares.of("agent 49")).toBeGreaterThan(0)
    expect(shares.total).toBeLessThan((1 + Math.log(50)) * LIMITS.ledger)
  })

  test("of things that weigh more than one has none that would be more than is left", () => {
    const shares = filled({ most: 70 })
    expect([shares.isFull("most", LIMITS, 0, 10), shares.isFull("most", LIMITS, 0, 11)]).toEqual([false, true])
    expect([shares.isFull("other", LIMITS, 0, 30), shares.isFull("other", LIMITS, 0, 81)]).toEqual([false, true])
    shares.add("other", "heavy", 1, 30)
    expect(shares.isFull("most", LIMITS, 0, 1)).toBe(true)
  })

  test("and one that has room has some for any agent below its own limit", () => {
    expect(filled({ most: 79 }).isFull("most", LIMITS, 0)).toBe(false)
    expect(filled({ most: 80 }).isFull("most", LIMITS, 0)).toBe(true)
  })
})
