/** Pictures: nothing over anything else, nothing outside, and whatever is left out is told. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { foldRepeats } from "../../src/console/decisions/timeline.tsx"
import { linksOf, placed } from "../../src/console/approvals/chain.tsx"
import { BOX, layoutOf, type Member } from "../../src/console/tasks/tree-layout.ts"

const ROOT = "tsk_01JZ"

/** Trees as ledgers number them. */
const trees = fc.array(fc.nat(), { maxLength: 120 }).map((choices) => {
  const tasks: Member[] = [{ id: ROOT, parent: null }]
  const children = new Map<string, number>()
  for (const choice of choices) {
    const parent = tasks[choice % tasks.length]?.id ?? ROOT
    const number = (children.get(parent) ?? 0) + 1
    children.set(parent, number)
    tasks.push({ id: `${parent}.${number}`, parent })
  }
  return tasks
})

describe("the picture of a tree", () => {
  test("has each task in a row of its own, inside, below its parent, and says how many it leaves out", () => {
    fc.assert(
      fc.property(trees, fc.nat(), fc.integer({ min: 1, max: 50 }), (tasks, choice, most) => {
        const wanted = tasks[choice % tasks.length]?.id ?? ROOT
        const { rows, width, height, hidden } = layoutOf(tasks, most, wanted)
        expect(rows.length + hidden).toBe(tasks.length)
        expect(new Set(rows.map(({ task }) => task.id)).size).toBe(rows.length)
        expect(rows.some(({ task }) => task.id === wanted)).toBe(true)
        // Those above it are there, whatever room there is.
        expect(rows.length).toBeLessThanOrEqual(Math.max(most, wanted.split(".").length))
        expect(rows.length).toBeGreaterThanOrEqual(Math.min(most, tasks.length))
        for (const [index, { task, x, y, parent }] of rows.entries()) {
          expect(x).toBeGreaterThanOrEqual(0)
          expect(x + BOX.width).toBeLessThanOrEqual(width)
          expect(y + BOX.height).toBeLessThanOrEqual(height)
          if (index > 0) expect(y).toBeGreaterThanOrEqual((rows[index - 1]?.y ?? 0) + BOX.height)
          const above = parent === null ? undefined : rows[parent]
          expect(above?.task.id ?? null).toBe(task.parent)
          if (above) expect(above.y).toBeLessThan(y)
        }
      }),
    )
  })

  test("has them in the order of their numbers", () => {
    const tasks = [10, 9, 2, 1].map((number) => ({ id: `${ROOT}.${number}`, parent: ROOT }))
    const { rows } = layoutOf([...tasks, { id: ROOT, parent: null }], 40, ROOT)
    expect(rows.map(({ task }) => task.id)).toEqual([ROOT, `${ROOT}.1`, `${ROOT}.2`, `${ROOT}.9`, `${ROOT}.10`])
  })

  test("of a part of it has that part's root at the top", () => {
    const { rows } = layoutOf([{ id: `${ROOT}.3`, parent: ROOT }], 40, `${ROOT}.3`)
    expect(rows).toMatchObject([{ parent: null }])
  })
})

describe("the picture of a chain", () => {
  test("goes from the person by all agents to the tool", () => {
    expect(linksOf("https://idp.test|alice", ["a", "b"], "mail.send")).toEqual([
      { role: "person", name: "https://idp.test|alice" },
      { role: "agent", name: "a" },
      { role: "sub-agent", name: "b" },
      { role: "tool", name: "mail.send" },
    ])
    expect(linksOf(null, ["a"], "mail.send")[0]?.name).toContain("none")
  })

  test("has every link inside, and none over another", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 9 }), (chain) => {
        const { boxes, height } = placed(linksOf(null, chain, "t"))
        expect(boxes).toHaveLength(chain.length + 2)
        for (const [index, { y }] of boxes.entries()) {
          expect(y + 46).toBeLessThanOrEqual(height)
          if (index > 0) expect(y - (boxes[index - 1]?.y ?? 0)).toBeGreaterThan(46)
        }
      }),
    )
  })
})

describe("a timeline", () => {
  const read = { what: "files.read (read)", by: "a", decision: "allow", code: "ok" } as const

  test("tells what was the same in a row once, with how often, and nothing else", () => {
    const events = [
      { ...read, id: "6", at: 6 },
      { ...read, id: "5", at: 5 },
      { ...read, id: "4", at: 4, by: "b" },
      { ...read, id: "3", at: 3, decision: "deny", code: "policy_denied" },
      { ...read, id: "2", at: 2, decision: "deny", code: "rate_limited" },
      { ...read, id: "1", at: 1, what: "files.list (read)" },
    ] as const
    expect(foldRepeats(events)).toEqual([{ ...events[0], times: 2 }, ...events.slice(2)])
    expect(foldRepeats([])).toEqual([])
  })
})
