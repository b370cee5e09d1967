import { env } from "cloudflare:workers"
import { runInDurableObject } from "cloudflare:test"
import { expect, test } from "vitest"
import { z } from "zod"
import { SwitchStorage } from "../../src/revocation/switch-storage.ts"
import type { StopChange } from "../../src/core/signals/stream-change.ts"
import { switchboard } from "../../src/revocation/switchboard.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"

freshIsolateForEach()

const stops = (from: number, count: number): readonly StopChange[] =>
  Array.from({ length: count }, (_, at) => {
    return { kind: "stop", stopped: { kind: "user", user: `https://idp.test|${from + at}` }, before: null, at: 1 }
  })

test("a switch that ends by itself is in no lease and no list from then on, and leaves nothing behind", async () => {
  await runInDurableObject(switchboard(env), (_board, { storage }) => {
    const stored = new SwitchStorage(storage.sql)
    const agent = (id: string) => ({ id, stopped: { kind: "agent", agent: id } as const, before: null })
    const note = { by: "https://idp.test|olivia", reason: null, at: 1 }
    stored.set(agent("lasting"), note, null, 1)
    stored.set(agent("ending"), note, 1_000, 1)
    const leased = (now: number): readonly string[] =>
      z
        .array(z.object({ id: z.string() }))
        .parse(JSON.parse(stored.leased(now)))
        .map(({ id }) => id)
    expect(leased(999)).toEqual(["ending", "lasting"])
    expect(stored.listed(999).map(({ id, until }) => [id, until])).toEqual([
      ["ending", 1_000],
      ["lasting", null],
    ])
    expect(leased(1_000)).toEqual(["lasting"])
    const rows = (table: string): unknown => storage.sql.exec(`SELECT id FROM ${table}`).toArray()
    stored.set(agent("next"), note, 2_000, 1_000)
    for (const table of ["switches", "switch_notes"]) expect(rows(table)).toEqual([{ id: "lasting" }, { id: "next" }])
    expect(stored.listed(2_000).map(({ id }) => id)).toEqual(["lasting"])
  })
})

test("a stream that has stopped four fifths stops nobody more, and leaves room for the others", async () => {
  await runInDurableObject(switchboard(env), (_board, { storage }) => {
    const kept = new SwitchStorage(storage.sql)
    const take = (stream: string, changes: readonly StopChange[]): boolean =>
      storage.transactionSync(() => kept.take(changes, { stream, until: 9 }, 1, 1))
    expect(take("loud", stops(0, 8_001))).toBe(false)
    expect(take("loud", stops(0, 8_000))).toBe(true)
    expect(take("loud", stops(8_000, 1))).toBe(false)
    // What it has stopped already takes no room.
    expect(take("loud", stops(7_999, 1))).toBe(true)
    expect(take("quiet", stops(8_000, 1))).toBe(true)
  })
})
