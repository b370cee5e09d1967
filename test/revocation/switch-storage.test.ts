import { env } from "cloudflare:workers"
import { runInDurableObject } from "cloudflare:test"
import { expect, test } from "vitest"
import { SwitchStorage } from "../../src/revocation/switch-storage.ts"
import type { StopChange } from "../../src/core/signals/stream-change.ts"
import { switchboard } from "../../src/revocation/switchboard.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"

freshIsolateForEach()

const stops = (from: number, count: number): readonly StopChange[] =>
  Array.from({ length: count }, (_, at) => {
    return { kind: "stop", stopped: { kind: "user", user: `https://idp.test|${from + at}` }, before: null, at: 1 }
  })

test("a stream that has stopped four fifths stops nobody more, and leaves room for the others", async () => {
  await runInDurableObject(switchboard(env), (_board, { storage }) => {
    const kept = new SwitchStorage(storage.sql)
    const take = (stream: string, changes: readonly StopChange[]): boolean =>
      storage.transactionSync(() => kept.take(changes, { stream, until: 9 }, 1))
    expect(take("loud", stops(0, 8_001))).toBe(false)
    expect(take("loud", stops(0, 8_000))).toBe(true)
    expect(take("loud", stops(8_000, 1))).toBe(false)
    // What it has stopped already takes no room.
    expect(take("loud", stops(7_999, 1))).toBe(true)
    expect(take("quiet", stops(8_000, 1))).toBe(true)
  })
})
