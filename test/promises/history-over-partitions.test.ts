/** An agent with partitions, whose number changes while its instances work. */
import fc from "fast-check"
import { expect, test } from "vitest"
import type { OpenTask } from "../harness/agents.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { openAs, publishFleet, window } from "../harness/fleet.ts"
import { callWith } from "../harness/gateways.ts"
import { freshIsolate, killObjects } from "../harness/isolate.ts"
import { read, send } from "../harness/labelled-calls.ts"
import { longerBy, runsOf } from "../harness/runs.ts"

freshIsolateForEach()

const PODS = 2
const MOST = 3
const pod = fc.nat({ max: PODS - 1 })
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant("partitions" as const), many: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("open" as const), pod }) },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constantFrom("read" as const, "send" as const, "send" as const, "list" as const),
      pod,
      task: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("die" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("open all" as const) }) },
)

test(
  "History is not laundered: what an instance has read counts for it, and what all have called counts for all, whatever the number of partitions becomes",
  async () => {
    const seen = { denied: 0, full: 0 }
    const life = fc.asyncProperty(fc.array(step, { minLength: 25, maxLength: 40 }), async (steps) => {
      await freshIsolate()
      const publishMany = async (partitions: number) => publishFleet({ partitions, limits: [window(MOST)] })
      await publishMany(1)
      const tasks = new Map<number, OpenTask[]>()
      const open = async (of: number): Promise<OpenTask> => {
        const task = await openAs(`pod-${of}`)
        tasks.set(of, [...(tasks.get(of) ?? []), task])
        return task
      }
      const haveRead = new Set<number>()
      let listed = 0
      for (const each of steps) {
        if (each.do === "die") await killObjects()
        else if (each.do === "partitions") await publishMany(each.many)
        else if (each.do === "open all") await Promise.all(Array.from({ length: PODS }, async (_, of) => open(of)))
        else if (each.do === "open") await open(each.pod)
        else {
          const own = tasks.get(each.pod) ?? []
          const task = own[each.task % Math.max(1, own.length)] ?? (await open(each.pod))
          if (each.do === "read") {
            expect(await read(task)).toBe("ok")
            haveRead.add(each.pod)
          } else if (each.do === "send") {
            const code = await send(task)
            if (haveRead.has(each.pod)) expect(code).toBe("policy_denied")
            if (haveRead.size === 0) expect(code).toBe("ok")
            seen.denied += Number(code === "policy_denied")
          } else {
            const { code } = await callWith(task.token, "/files")
            expect(code).toBe(listed < MOST ? "ok" : "rate_limited")
            listed += Number(code === "ok")
            seen.full += Number(code === "rate_limited")
          }
        }
      }
    })
    await fc.assert(life, { numRuns: runsOf(15) })
    expect(Math.min(seen.denied, seen.full)).toBeGreaterThan(0)
  },
  longerBy(120_000),
)
