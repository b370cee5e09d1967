import { env } from "cloudflare:workers"
import { runInDurableObject } from "cloudflare:test"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { streamSwitchOf, outweighs, type SignalChange } from "../../src/core/signals/stream-change.ts"
import { SwitchStorage } from "../../src/revocation/switch-storage.ts"
import { stoppedBy, type Stopped, type Switch } from "../../src/core/signals/switch.ts"
import { switchboard } from "../../src/revocation/switchboard.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"

freshIsolateForEach()

const ALICE: Stopped = { kind: "user", user: "https://idp.test|alice" }
const REPORT = { stream: "s", until: 9 }
const stop = (before: number | null, at = 1): SignalChange => ({ kind: "stop", stopped: ALICE, before, at })
const of = (change: SignalChange, report = REPORT) => {
  if (change.kind === "risk") throw new Error("a risk is no switch")
  return streamSwitchOf(change, report)
}

describe("what a stream stops", () => {
  test("is one switch for each stream, subject and kind, whatever it is told by", () => {
    expect(of(stop(5)).id).toBe(of(stop(7)).id)
    expect(of(stop(null)).id).toBe(of({ kind: "lift", stopped: ALICE, at: 3 }).id)
    const others = [
      stop(5),
      stop(null),
      { ...stop(5), stopped: { kind: "user", user: "https://idp.test|bob" } } as const,
    ]
    expect(new Set([...others.map((one) => of(one).id), of(stop(5), { ...REPORT, stream: "t" }).id]).size).toBe(4)
  })

  test("is forgotten once no session of before can live, and what was lifted when nothing of before can come", () => {
    expect(of(stop(5_000)).until).toBe(5_000 + 32 * 86_400_000)
    expect(of(stop(null)).until).toBe(Number.MAX_SAFE_INTEGER)
    expect(of({ kind: "lift", stopped: ALICE, at: 3 })).toMatchObject({ body: null, at: 3, until: 9 })
  })

  test("stands against what happened before it, and of the same moment against what is no stricter", () => {
    const one = (at: number, weight: number) => ({ at, weight })
    expect(outweighs(undefined, one(1, 0))).toBe(true)
    expect([outweighs(one(1, 1), one(2, 0)), outweighs(one(2, 0), one(1, 1))]).toEqual([true, false])
    expect([outweighs(one(1, 1), one(1, 1)), outweighs(one(1, 0), one(1, 1)), outweighs(one(1, 1), one(1, 0))]).toEqual(
      [true, true, false],
    )
  })
})

test("who is stopped is found among many as it is by going through them", () => {
  const stopped = fc.oneof(
    fc.record({ kind: fc.constant("user" as const), user: fc.constantFrom("i|a", "i|b", "j|c") }),
    fc.record({ kind: fc.constant("issuer" as const), issuer: fc.constantFrom("i", "k") }),
    fc.record({ kind: fc.constant("agent" as const), agent: fc.constantFrom("x", "y") }),
    fc.record({ kind: fc.constant("tool" as const), tool: fc.constantFrom("t.*", "t.u") }),
    fc.record({ kind: fc.constant("key" as const), kid: fc.constantFrom("k", "l") }),
  )
  const switches = fc.array(fc.record({ id: fc.uuid(), stopped, before: fc.option(fc.nat(9)) }))
  const affected = fc.record({
    agents: fc.subarray(["x", "y"]),
    user: fc.option(fc.constantFrom("i|a", "i|b", "j|c", "j|d")),
    tool: fc.option(fc.constantFrom("t.u", "t.v", "w")),
    kid: fc.option(fc.constantFrom("k", "m")),
    since: fc.nat(9),
  })
  fc.assert(
    fc.property(switches, affected, (all: readonly Switch[], call) => {
      const alone = all.filter((one) => stoppedBy([one], call) !== null)
      const found = stoppedBy(all, call)
      expect(found === null).toBe(alone.length === 0)
      if (found) expect(alone).toContain(found)
    }),
  )
})

test("what a stream has told of somebody stands as it does in any other order", async () => {
  const told = fc.array(fc.record({ kind: fc.constantFrom("stop", "lift", "revoke"), at: fc.nat(4) }), { maxLength: 6 })
  const shuffled = told.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
  )
  await switchboard(env).risks()
  await runInDurableObject(switchboard(env), (_board, { storage: { sql } }) => {
    const outcomeOf = (all: readonly { readonly kind: string; readonly at: number }[]) => {
      sql.exec("DELETE FROM stream_switches")
      const kept = new SwitchStorage(sql)
      for (const { kind, at } of all) {
        const change =
          kind === "lift"
            ? ({ kind, stopped: ALICE, at } as const)
            : ({ kind: "stop", stopped: ALICE, before: kind === "stop" ? null : at * 1000, at } as const)
        expect(kept.take([change], { stream: "s", until: Number.MAX_SAFE_INTEGER }, 0, 0)).toBe(true)
      }
      return sql.exec("SELECT id, body, at FROM stream_switches ORDER BY id").toArray()
    }
    const property = fc.property(shuffled, ([all, other]) => {
      expect(outcomeOf(other)).toEqual(outcomeOf(all))
    })
    fc.assert(property)
  })
})
