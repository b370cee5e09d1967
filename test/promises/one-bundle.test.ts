import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test } from "vitest"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { window } from "../harness/guardrails.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { forgetBundle, POINTER_KEY } from "../../src/bundles/store.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith } from "../harness/gateways.ts"
import { recordsOf } from "../harness/records.ts"

const SWITCHES = 25
const CALLERS = 8
const WINDOW = window({ id: "watch", tools: ["files.*"], per: "tree", limit: 100_000, seconds: 60 })

/** Each of its parts tells of which bundle it is. */
function marked(body: BundleBody, seq: number): BundleBody {
  return {
    ...body,
    rules: body.rules.map((rule) => ({ ...rule, id: `${seq}-${rule.id}` })),
    guardrails: [...body.guardrails, { ...WINDOW, id: `${seq}-${WINDOW.id}` }],
  }
}

const pointerText = async (): Promise<string> => (await env.BUNDLES.get(POINTER_KEY)) ?? ""

beforeEach(async () => {
  await publish(marked(await yard(), 1))
})
freshIsolateForEach()

describe("a decision is by one bundle", () => {
  test(`while ${SWITCHES} are published under load: none fails, none mixes two, none goes back`, async () => {
    const body = await yard()
    const tasks = await Promise.all(Array.from({ length: CALLERS }, async () => openTask()))
    let published = 1
    const callers = tasks.map(async ({ token, task }) => {
      const codes: string[] = []
      while (published <= SWITCHES) {
        codes.push((await callWith(token, "/files")).code)
        // As between two requests of a connection: calls that never wait for anything would keep KV from ever answering.
        await env.BUNDLES.get("nothing")
      }
      return { task, codes }
    })
    const [first] = tasks
    let before = await pointerText()
    try {
      while (published <= SWITCHES) {
        await publish(marked(body, published + 1), published + 1)
        published += 1
        forgetBundle()
        await callWith(first?.token ?? "", "/files/a")
        // An isolate that is behind, as KV is where it runs; some ledgers have seen the newer one.
        const now = await pointerText()
        await env.BUNDLES.put(POINTER_KEY, before)
        forgetBundle()
        await callWith(first?.token ?? "", "/files/a")
        await env.BUNDLES.put(POINTER_KEY, now)
        forgetBundle()
        before = now
      }
    } finally {
      // The callers end, whatever fails here.
      published = SWITCHES + 1
    }
    const seen = new Set<number>()
    for (const { task, codes } of await Promise.all(callers)) {
      expect(new Set(codes)).toEqual(new Set(["ok"]))
      let last = 0
      const count = codes.length + (task === first?.task ? 2 * SWITCHES : 0)
      const records = (await recordsOf(task, count + 1)).filter(({ kind }) => kind === "call")
      for (const { bundle, rules, windows } of records.toSorted((a, b) => (a.number ?? 0) - (b.number ?? 0))) {
        const seq = bundle?.seq ?? 0
        const marks = [...rules, ...windows.map(({ window }) => window)].map((id) => Number.parseInt(id, 10))
        expect(new Set(marks)).toEqual(new Set([seq]))
        expect(windows).toHaveLength(1)
        expect(seq).toBeGreaterThanOrEqual(last)
        last = seq
        seen.add(seq)
      }
    }
    expect(seen.size).toBeGreaterThan(SWITCHES / 2)
  }, 120_000)
})
