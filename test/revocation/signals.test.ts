import { env } from "cloudflare:workers"
import { runInDurableObject } from "cloudflare:test"
import fc from "fast-check"
import { afterEach, describe, expect, test } from "vitest"
import { signalledBy, stands, type SignalChange } from "../../src/core/signals/stream-change.ts"
import { KeptSwitches } from "../../src/revocation/kept-switches.ts"
import { stoppedBy, type Stopped, type Switch } from "../../src/core/signals/switch.ts"
import { Switchboard, switchboard } from "../../src/revocation/switchboard.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { known } from "../harness/risks.ts"

afterEach(freshIsolate)

const ALICE: Stopped = { kind: "user", user: "https://idp.test|alice" }
const REPORT = { stream: "s", until: 9 }
const stop = (before: number | null, at = 1): SignalChange => ({ kind: "stop", stopped: ALICE, before, at })
const of = (change: SignalChange, report = REPORT) => {
  if (change.kind === "risk") throw new Error("a risk is no switch")
  return signalledBy(change, report)
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
    expect(stands(undefined, one(1, 0))).toBe(true)
    expect([stands(one(1, 1), one(2, 0)), stands(one(2, 0), one(1, 1))]).toEqual([true, false])
    expect([stands(one(1, 1), one(1, 1)), stands(one(1, 0), one(1, 1)), stands(one(1, 1), one(1, 0))]).toEqual([
      true,
      true,
      false,
    ])
  })
})

test("who is stopped is found among many as it is by going through them", () => {
  const stopped = fc.oneof(
    fc.record({ kind: fc.constant("user" as const), user: fc.constantFrom("a", "b", "c") }),
    fc.record({ kind: fc.constant("agent" as const), agent: fc.constantFrom("x", "y") }),
    fc.record({ kind: fc.constant("tool" as const), tool: fc.constantFrom("t.*", "t.u") }),
    fc.record({ kind: fc.constant("key" as const), kid: fc.constantFrom("k", "l") }),
  )
  const switches = fc.array(fc.record({ id: fc.uuid(), stopped, before: fc.option(fc.nat(9)) }))
  const affected = fc.record({
    agents: fc.subarray(["x", "y"]),
    user: fc.option(fc.constantFrom("a", "b", "c", "d")),
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

test("risks that were told before there were streams are operators' own", async () => {
  const at = Date.now()
  await runInDurableObject(switchboard(env), (_board, state) => {
    state.storage.sql.exec(`
      CREATE TABLE risks (kind TEXT NOT NULL, name TEXT NOT NULL, level INTEGER NOT NULL, at INTEGER NOT NULL,
        half_life INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID`)
    state.storage.sql.exec("INSERT INTO risks VALUES ('user', 'a|b', 70, ?, 3600, ?)", at, at + 9_999_999)
    expect(new Switchboard(state, env).risks()).toBe(JSON.stringify([["user", "a|b", 70, at, 3600]]))
  })
  expect(await known()).toEqual([["user", "a|b", 70, at, 3600]])
})

test("what streams stopped before there were notes goes on with its stream beside it, and no longer in leases", async () => {
  const old = { id: "swi_1", stopped: ALICE, before: null, stream: "idp-signals" }
  const mine = { id: "swi_2", stopped: ALICE, before: 7 }
  await switchboard(env).risks()
  await runInDurableObject(switchboard(env), (_board, state) => {
    const { sql } = state.storage
    sql.exec("INSERT INTO signalled VALUES ('swi_1', ?, 5, ?)", JSON.stringify(old), Number.MAX_SAFE_INTEGER)
    sql.exec("INSERT INTO switches VALUES ('swi_2', ?)", JSON.stringify(mine))
    for (let life = 0; life < 2; life++) {
      const board = new Switchboard(state, env)
      const { stream: _kept, ...rest } = old
      expect(JSON.parse(board.read())).toEqual([mine, rest])
      expect(JSON.parse(board.listed())).toEqual([
        { ...rest, by: "stream|idp-signals", reason: null, at: null },
        { ...mine, by: null, reason: null, at: null },
      ])
    }
  })
})

test("what a stream has told of somebody stands as it does in any other order", async () => {
  const told = fc.array(fc.record({ kind: fc.constantFrom("stop", "lift", "revoke"), at: fc.nat(4) }), { maxLength: 6 })
  const shuffled = told.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
  )
  await switchboard(env).risks()
  await runInDurableObject(switchboard(env), (_board, { storage: { sql } }) => {
    const outcomeOf = (all: readonly { readonly kind: string; readonly at: number }[]) => {
      sql.exec("DELETE FROM signalled")
      const kept = new KeptSwitches(sql)
      for (const { kind, at } of all) {
        const change =
          kind === "lift"
            ? ({ kind, stopped: ALICE, at } as const)
            : ({ kind: "stop", stopped: ALICE, before: kind === "stop" ? null : at * 1000, at } as const)
        expect(kept.take([change], { stream: "s", until: Number.MAX_SAFE_INTEGER }, 0)).toBe(true)
      }
      return sql.exec("SELECT id, body, at FROM signalled ORDER BY id").toArray()
    }
    const property = fc.property(shuffled, ([all, other]) => {
      expect(outcomeOf(other)).toEqual(outcomeOf(all))
    })
    fc.assert(property)
  })
})
