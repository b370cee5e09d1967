/** What each agent has of a ledger: counted as by somebody who looks at every item each time. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Shares } from "../../../src/core/task/shares.ts"

const AGENTS = ["one", "two", "three"] as const
const agent = fc.constantFrom(...AGENTS)
const item = fc.integer({ min: 0, max: 30 }).map(String)
const change = fc.oneof(
  fc.record({ do: fc.constant("add" as const), agent, item, until: fc.integer({ min: 0, max: 100 }) }),
  fc.record({ do: fc.constant("remove" as const), agent, item }),
  fc.record({ do: fc.constant("expire" as const), agent, now: fc.integer({ min: 0, max: 100 }) }),
  fc.record({ do: fc.constant("expire all" as const), now: fc.integer({ min: 0, max: 100 }) }),
)

/** The same, without any order: by agent, until when each item is there. */
class Model {
  readonly of = new Map(AGENTS.map((each) => [each as string, new Map<string, number>()]))

  expire(name: string, now: number): string[] {
    const items = this.of.get(name) ?? new Map<string, number>()
    const over = [...items].filter(([, until]) => until <= now).map(([each]) => each)
    for (const each of over) items.delete(each)
    return over
  }
}

test("counts what was added, until it is removed or expires, in whatever order", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const [shares, model] = [new Shares(), new Model()]
      for (const each of changes) {
        if (each.do === "add") {
          shares.add(each.agent, each.item, each.until)
          model.of.get(each.agent)?.set(each.item, each.until)
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
        for (const [name, items] of model.of) {
          expect(shares.of(name)).toBe(items.size)
          expect(shares.firstOf(name)).toBe(items.size === 0 ? null : Math.min(...items.values()))
        }
        expect(shares.total).toBe([...model.of.values()].reduce((sum, { size }) => sum + size, 0))
      }
    }),
  )
})

describe("a ledger that is full", () => {
  const LIMITS = { agent: 80, ledger: 100 }
  const filled = (counts: Readonly<Record<string, number>>): Shares => {
    const shares = new Shares()
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
    const shares = new Shares()
    for (let nth = 0; nth < 50; nth++) {
      for (let item = 0; !shares.isFull(`agent ${nth}`, LIMITS, 0) && item < 1_000; item++) {
        shares.add(`agent ${nth}`, `${item}`, 1)
      }
    }
    expect(shares.of("agent 0")).toBe(LIMITS.agent)
    expect(shares.of("agent 49")).toBeGreaterThan(0)
    expect(shares.total).toBeLessThan((1 + Math.log(50)) * LIMITS.ledger)
  })

  test("and one that has room has some for any agent below its own limit", () => {
    expect(filled({ most: 79 }).isFull("most", LIMITS, 0)).toBe(false)
    expect(filled({ most: 80 }).isFull("most", LIMITS, 0)).toBe(true)
  })
})
