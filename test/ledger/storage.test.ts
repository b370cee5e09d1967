import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import fc from "fast-check"
import { describe, expect, inject, test, vi, type MockInstance } from "vitest"
import type { RecordPlace } from "../../src/core/record/record.ts"
import { memoryOf, tick } from "../harness/driven-trees.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { countsIn, window } from "../harness/guardrails.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import { decide } from "../../src/core/decision/decide.ts"
import { openTask } from "../../src/core/task/open.ts"
import { isOAuthFailure, type OAuthFailure } from "../../src/core/denials/oauth-error.ts"
import { blockSize, longestBlock, Pace } from "../../src/core/task/counter-block.ts"
import { beginTree } from "../../src/core/explanation/simulated-tree.ts"
import type { TreeState } from "../../src/core/task/state.ts"
import { dueOfChange } from "../../src/ledger/change-storage.ts"
import { DUE } from "../../src/ledger/due.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { applyChange, applyOpening } from "../../src/core/task/transition.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { UserFacts } from "../../src/core/policy/principals.ts"
import type { OpenRequest } from "../../src/core/task/open-request.ts"
import type { Opened } from "../../src/core/task/opening-step.ts"
import { renewRoot } from "../../src/core/task/renew.ts"
import { AUDIENCE } from "../harness/agents.ts"
import { agentId } from "../harness/issuers.ts"
import { busiestSpan } from "../harness/reference.ts"
import { ALICE, freshProofs, assembled, callOf, POINTER, ROOT, askedFor, START, type Held } from "../harness/trees.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

freshIsolateForEach()

/** The yard with one window over everything, and a life long enough for many spans of it. */
function bundleWith(limit: number, seconds: number): Bundle {
  return guardedBy(window({ id: "all", tools: ["*"], per: "tree", limit, seconds }))
}

function guardedBy(...guardrails: readonly Guardrail[]): Bundle {
  const body = inject("yard")
  const purposes = body.purposes.map((purpose) => ({ ...purpose, life: 86_400 }))
  const agents = body.agents.map((agent) => ({ ...agent, life: 86_400 }))
  return assembled({ ...body, guardrails, purposes, agents })
}

/** A tree as the ledger keeps it, on the real SQLite of an object, without the object's own timers. */
class KeptTree {
  readonly #sql: SqlStorage
  readonly #bundle: Bundle
  readonly #statements: MockInstance<SqlStorage["exec"]>
  #storage: LedgerStorage
  state: TreeState
  /** Milliseconds: proofs may have been admitted until then that are not known any more. */
  proofsSince = Number.NEGATIVE_INFINITY

  constructor(sql: SqlStorage, bundle: Bundle) {
    this.#sql = sql
    this.#bundle = bundle
    this.#statements = vi.spyOn(sql, "exec")
    this.#storage = new LedgerStorage(sql)
    this.state = beginTree(POINTER, ROOT, ALICE, START)
    this.#storage.saveTree(this.state)
  }

  open(calls: number | null, purpose: string | null = null, scopes = ["*:read", "mail.send:write"]): Held {
    const held = { task: ROOT, token: "root-token" }
    this.#ask({ purpose, asked: askedFor({ scopes, calls }), token: held.token })
    return held
  }

  /** A fresher session of the user, for the root task. */
  stepUp(user: UserFacts, since: number): void {
    this.#ask({ task: ROOT, user, since, asked: askedFor({ scopes: null }), token: "stepped-up" })
  }

  #ask(more: Pick<OpenRequest, "asked" | "token"> & Partial<OpenRequest>): void {
    const subject = {
      user: ALICE,
      sessionExpiresAt: null,
      sessionClient: null,
      since: START,
      parent: null,
      task: null,
      purpose: null,
      caps: [],
      approvals: [],
      audience: AUDIENCE,
      jkt: null,
    }
    const opened = openTask(this.#bundle, this.state, { agent: agentId("first"), ...subject, ...more }, START)
    if (isOAuthFailure(opened)) throw new Error(JSON.stringify(opened))
    this.#open(opened)
  }

  /** One more token for the root task, of this key. @returns why not */
  renew(token: string, jkt: string | null): OAuthFailure["refused"] | null {
    const opened = renewRoot(
      this.#bundle,
      this.state,
      { agent: agentId("first"), audience: AUDIENCE, jkt, token, scope: null },
      START,
    )
    if (isOAuthFailure(opened)) return opened.refused
    this.#open(opened)
    return null
  }

  #open({ opening }: Opened): void {
    this.#storage.saveOpening(this.state, opening, [], START)
    this.#storage.journal.commit(START)
    applyOpening(this.state, opening, START)
  }

  /** By the clock as the ledger reads it: clamped. */
  call(held: Held, tool: string, clock: number, more: Parameters<typeof callOf>[3] = {}): number | null {
    const now = Math.max(clock, this.state.ledger.clock)
    const { change } = decide(this.#bundle, this.state, callOf(held, tool, { to: "a@example.org" }, more), now)
    if (!change) return null
    // The ledger opens a transaction only where it is told that something will be written.
    const mustWrite = dueOfChange(change, this.#storage, this.state, true) !== DUE.never
    const before = this.#statements.mock.calls.length
    this.#storage.saveChange(this.state, change)
    this.#storage.journal.commit(now)
    expect(this.#statements.mock.calls.length > before).toBe(mustWrite)
    applyChange(this.state, change)
    return now
  }

  /** The first of a life writes that there is one more; the first life is part of the tree's row. */
  nextPlace(): RecordPlace {
    const before = this.#statements.mock.calls.length
    const place = this.#storage.records.next(ROOT)
    this.#storage.journal.commit(START)
    expect(this.#statements.mock.calls.length > before).toBe(place.life > 1 && place.number === 1)
    return place
  }

  /** Memory is lost; what was written comes back. */
  crash(now: number): void {
    this.#storage = new LedgerStorage(this.#sql)
    const loaded = this.#storage.load(now, (wokenAt) => {
      this.proofsSince = wokenAt
      return freshProofs()
    })
    const tree = loaded?.trees.get(ROOT)
    if (!tree) throw new Error("nothing was kept")
    this.state = tree
  }
}

async function keep<Result>(bundle: Bundle, use: (tree: KeptTree) => Result): Promise<Result> {
  const stub = env.LEDGER.getByName(crypto.randomUUID())
  return runInDurableObject(stub, (_ledger, { storage }) => use(new KeptTree(storage.sql, bundle)))
}

const events = fc.array(
  fc.record({
    after: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constantFrom(0, 0, 999, 1000)),
    does: fc.constantFrom("call", "call", "call", "call", "call", "crash", "clock-back"),
    times: fc.integer({ min: 1, max: 9 }),
  }),
  { minLength: 1, maxLength: 40 },
)

describe("credit is written before it is used", () => {
  test("crashes at any point: no span holds more than the limit", async () => {
    let crashed = 0
    const limits = fc.constantFrom(1, 3, 99, 100, 250, 400)
    const property = fc.asyncProperty(events, limits, async (steps, limit) => {
      await keep(bundleWith(limit, 1), (tree) => {
        const held = tree.open(null)
        const admitted: number[] = []
        let now = START
        for (const { after, does, times } of steps) {
          now += after
          if (does === "crash") tree.crash(now)
          if (does === "crash") crashed += 1
          if (does === "clock-back") now -= 150
          // Several blocks' worth, so that some are half used when the crash comes.
          const tries = does === "call" ? times * Math.ceil(limit / 8) : 0
          for (let index = 0; index < tries; index++) {
            const at = tree.call(held, "files.list", now)
            if (at !== null) admitted.push(at)
          }
          const clock = tick(tree.state, now)
          const [count] = Object.values(
            countsIn(memoryOf(tree.state), bundleWith(limit, 1).guardrails.definitions, clock),
          )
          const inSpan = admitted.filter((at) => at > clock - 1000).length
          if (count) expect(count.used).toBeGreaterThanOrEqual(inSpan)
        }
        expect(busiestSpan(admitted, 1000)).toBeLessThanOrEqual(limit)
      })
    })
    await fc.assert(property, { seed: 20261125, numRuns: 60 })
    expect(crashed).toBeGreaterThan(20)
  })

  test("a budget of calls is never exceeded, and never lost but by a crash", async () => {
    const property = fc.asyncProperty(events, fc.constantFrom(1, 7, 150, 230), async (steps, calls) => {
      await keep(bundleWith(100_000, 1), (tree) => {
        const held = tree.open(calls)
        let admitted = 0
        let crashes = 0
        for (const { does, times } of steps) {
          if (does === "crash") tree.crash(START)
          if (does === "crash") crashes += 1
          const tries = does === "call" ? times * 7 : 0
          for (let index = 0; index < tries; index++) {
            if (tree.call(held, "files.list", START) !== null) admitted += 1
          }
          const counted = tree.state.tasks.get(ROOT)?.calls ?? 0
          expect(counted).toBeGreaterThanOrEqual(admitted)
          expect(counted - admitted).toBeLessThanOrEqual(crashes * longestBlock(calls, 0))
        }
        expect(admitted).toBeLessThanOrEqual(calls)
      })
    })
    await fc.assert(property, { seed: 20261125, numRuns: 60 })
  })

  test("what a rule reads and what a replay is known by survive a crash", async () => {
    await keep(bundleWith(100, 1), (tree) => {
      const held = tree.open(null)
      expect(tree.call(held, "mail.send", START)).not.toBeNull()
      expect(tree.call(held, "vault.read", START)).not.toBeNull()
      tree.crash(START)
      expect([...tree.state.labels].toSorted()).toEqual(["reads:confidential", "sink:external"])
      expect(tree.call(held, "mail.send", START)).toBeNull()
      expect(tree.state.tokens.get(held.token)).toMatchObject({ task: ROOT, jkt: null })
      expect(tree.state.user).toEqual(ALICE)
    })
  })

  test("a label that comes in the middle of a block is a write of its own, and survives a crash", async () => {
    await keep(bundleWith(1000, 3600), (tree) => {
      const held = tree.open(600)
      expect(tree.call(held, "files.list", START)).not.toBeNull()
      expect(tree.call(held, "vault.read", START)).not.toBeNull()
      tree.crash(START)
      expect([...tree.state.labels]).toEqual(["reads:confidential"])
    })
  })

  test("so is, and does, a step of a plan", async () => {
    await keep(bundleWith(1000, 3600), (tree) => {
      const held = tree.open(600, "any-order", ["files.*:read"])
      expect(tree.call(held, "files.list", START)).not.toBeNull()
      expect(tree.call(held, "files.read", START)).not.toBeNull()
      tree.crash(START)
      expect(tree.state.tasks.get(ROOT)?.progress).toEqual([1, 1])
      expect(tree.call(held, "files.list", START)).toBeNull()
    })
  })

  test("the key that a task was bound to, with its token or a later one, is its key after a crash too", async () => {
    await keep(bundleWith(100, 1), (tree) => {
      tree.open(null)
      expect(tree.renew("bound", "key")).toBeNull()
      for (const crash of [false, true]) {
        if (crash) tree.crash(START)
        expect(tree.state.tokens.get("bound")).toMatchObject({ jkt: "key" })
        for (const other of ["another", null]) expect(tree.renew("stolen", other)).toEqual({ reason: "key_differs" })
      }
      expect(tree.renew("next", "key")).toBeNull()
    })
  })

  test("how its user logged in last is so after a crash; authority that was given before grows no younger by it", async () => {
    await keep(bundleWith(100, 1), (tree) => {
      tree.open(null)
      const fresher = { ...ALICE, groups: [], acr: "high", auth_time: START / 1000 + 60, until: START + 600_000 }
      tree.stepUp(fresher, START + 60_000)
      tree.crash(START)
      expect(tree.state).toMatchObject({ user: fresher, since: START })
    })
  })

  test("of calls that come slowly, just what was used is used after a wake", async () => {
    await keep(bundleWith(300, 3600), (tree) => {
      const held = tree.open(600)
      for (const times of [1, 2, 3]) {
        const at = START + times * 5_000
        tree.call(held, "files.list", at)
        tree.crash(at + 5)
        const { definitions } = bundleWith(300, 3600).guardrails
        const [count] = Object.values(countsIn(memoryOf(tree.state), definitions, at + 5))
        expect(count?.used).toBe(times)
        expect(tree.state.tasks.get(ROOT)?.calls).toBe(times)
      }
    })
  })
})

describe("after a wake", () => {
  test("tasks are what they were, and weigh what they weighed", async () => {
    await keep(bundleWith(9, 60), (tree) => {
      tree.open(null)
      const { ledger, tasks } = tree.state
      const before = [
        JSON.stringify([...tasks]),
        ledger.liveBytes.of(historyKeyOf(agentId("first"))),
        ledger.liveBytes.total,
      ]
      expect(ledger.liveBytes.total).toBeGreaterThan(500)
      tree.crash(START)
      const { ledger: woken, tasks: again } = tree.state
      expect([[...again].length, woken.liveTasks.total]).toEqual([1, 1])
      expect([woken.liveBytes.of(historyKeyOf(agentId("first"))), woken.liveBytes.total]).toEqual(before.slice(1))
      expect(JSON.parse(JSON.stringify([...again]))).toEqual(JSON.parse(String(before[0])))
    })
  })

  test.each([
    ["calls of a task", 1000, null],
    ["what a window has counted", 50, 600],
  ])("no proof is new that was admitted with %s, whatever the machine's clock says", async (_, limit, calls) => {
    await keep(bundleWith(limit, 600), (tree) => {
      const held = tree.open(calls)
      if (calls !== null) expect(tree.call(held, "files.list", START)).not.toBeNull()
      expect(tree.call(held, "files.list", START + 60_000)).not.toBeNull()
      for (let life = 0; life < 2; life++) {
        tree.crash(START)
        // It was set back, and what was counted with it.
        expect(tree.state.ledger.clock).toBe(START)
        expect(tree.proofsSince).toBe(START + 60_000)
      }
    })
  })

  test("no record has the place of another, and none is missing", async () => {
    await keep(bundleWith(50, 1), (tree) => {
      const places = (count: number) => Array.from({ length: count }, () => tree.nextPlace())
      expect(places(2)).toEqual([
        { life: 1, number: 1 },
        { life: 1, number: 2 },
      ])
      tree.crash(START)
      expect(places(300)).toEqual(Array.from({ length: 300 }, (_, index) => ({ life: 2, number: index + 1 })))
      tree.crash(START)
      // A life without a record is none.
      tree.crash(START)
      expect(places(1)).toEqual([{ life: 3, number: 1 }])
    })
  })

  // Of guardrails over `files.*`; a call of `vault.read` is counted by another, and rows that are over go with it.
  const other = window({ id: "other", tools: ["vault.read"], per: "tree", limit: 50, seconds: 1 })

  test("a bucket that takes longer to fill than its span is as empty as it was", async () => {
    const span = { kind: "bucket", seconds: 100, burst: 40 } as const
    const bucket = window({ id: "bucket", tools: ["files.*"], per: "tree", limit: 10, seconds: 100 }, { span })
    await keep(guardedBy(bucket, other), (tree) => {
      const held = tree.open(null)
      const admitted = (at: number): number =>
        Array.from({ length: 50 }, () => tree.call(held, "files.list", at)).filter((each) => each !== null).length
      expect(admitted(START)).toBe(40)
      expect(tree.call(held, "vault.read", START + 110_000)).not.toBeNull()
      tree.crash(START + 110_000)
      expect(admitted(START + 110_000)).toBe(11)
    })
  })

  test("a value is in its span that was there again too soon to be written down, as long as it would have been", async () => {
    const more = { measure: { kind: "distinct", field: "tool" } } as const
    const distinct = window({ id: "distinct", tools: ["files.*"], per: "tree", limit: 1, seconds: 160 }, more)
    await keep(guardedBy(distinct, other), (tree) => {
      const held = tree.open(600)
      // Times are kept to a sixteenth of the span.
      for (const after of [0, 9_000]) expect(tree.call(held, "files.list", START + after)).not.toBeNull()
      expect(tree.call(held, "vault.read", START + 161_000)).not.toBeNull()
      tree.crash(START + 161_000)
      expect(tree.call(held, "files.read", START + 168_999)).toBeNull()
      expect(tree.call(held, "files.read", START + 170_000)).not.toBeNull()
    })
  })
})

describe("blockSize", () => {
  test("is one under a limit of a hundred, at most a hundredth above, and bounded without a limit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.nat({ max: 10_000 }), (limit, used) => {
        const pace = new Pace()
        pace.use(used, START)
        const block = blockSize(longestBlock(limit, used), pace, START)
        if (limit < 100) expect(block).toBe(1)
        expect(block).toBeGreaterThanOrEqual(1)
        expect(block).toBeLessThanOrEqual(Math.max(1, limit / 100))
        expect(block).toBeLessThanOrEqual(Math.max(1, used / 2))
        expect(longestBlock(null, used)).toBeGreaterThanOrEqual(1)
        expect(longestBlock(null, used)).toBeLessThanOrEqual(Math.max(1, Math.min(256, used / 10)))
      }),
    )
  })

  test("is one for calls that come slowly, and half of what comes in a second otherwise", () => {
    for (const [everyMs, size] of [
      [5_000, 1],
      [1_000, 1],
      [260, 1],
      [90, 5],
      [9, 55],
    ] as const) {
      const pace = new Pace()
      for (let turn = 0; turn < 1_000; turn++) pace.use(1, START + turn * everyMs)
      expect(blockSize(256, pace, START + 999 * everyMs), `every ${everyMs} ms`).toBe(size)
    }
  })
})
