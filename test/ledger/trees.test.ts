import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import type { Proof } from "../../src/core/task/proof-log.ts"
import { firstIdAt } from "../../src/core/encoding/ids.ts"
import { isOAuthFailure } from "../../src/core/denials/oauth-error.ts"
import { openRequest } from "../../src/core/explanation/simulated-tree.ts"
import { MAX_LIVE_TOKENS } from "../../src/core/task/live-tokens.ts"
import { openTask } from "../../src/core/task/open.ts"
import { applyOpening, dropExpiredTokens } from "../../src/core/task/transition.ts"
import { agentId } from "../harness/issuers.ts"
import { MOST_ENDED } from "../../src/ledger/ageing.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { newNonce } from "../../src/ledger/new-proofs.ts"
import { Trees } from "../../src/ledger/trees.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { ALICE, assembled, freshProofs, open, opened, POINTER, ROOT } from "../harness/trees.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

freshIsolateForEach()

const NOW = Date.now()
const proofOf = (jti: string, nonce: string | null = null): Proof => {
  const iat = Math.floor(NOW / 1000)
  return { jkt: "key", jti, iat, freshUntil: NOW + 60_000, nonce }
}

async function inLedger(use: (trees: Trees, sql: SqlStorage) => void): Promise<void> {
  const stub = env.LEDGER.getByName(crypto.randomUUID())
  await runInDurableObject(stub, (_ledger, ctx) => use(new Trees(ctx, env), ctx.storage.sql))
}

describe("proofs that are more than a ledger remembers of an agent", () => {
  test("are forgotten all at once, and none is taken again without the new nonce; no neighbour needs one", async () => {
    await inLedger((trees) => {
      const state = trees.newTreeState(ROOT, ALICE, null, POINTER, assembled().guardrails)
      const { proofs } = state.ledger
      const admit = (agent: string, jti: string): void => proofs.admit(historyKeyOf(agent), proofOf(jti), NOW, newNonce)
      admit("neighbour", "0")
      for (let index = 0; index < 19_999; index++) admit("busy", `${index}`)
      expect(proofs.of(historyKeyOf("busy")).check(proofOf("0"), NOW)).toBe("seen")
      expect(proofs.of(historyKeyOf("busy")).check(proofOf("new"), NOW)).toBe("fresh")
      admit("busy", "19999")
      expect(proofs.of(historyKeyOf("busy")).size).toBe(0)
      for (const nonce of [null, proofs.nonce])
        expect(proofs.of(historyKeyOf("busy")).check(proofOf("0", nonce), NOW)).toBe("nonce_required")
      expect(proofs.of(historyKeyOf("busy")).check(proofOf("new", proofs.of(historyKeyOf("busy")).nonce), NOW)).toBe(
        "fresh",
      )
      expect(proofs.of(historyKeyOf("neighbour")).check(proofOf("0"), NOW)).toBe("seen")
      expect(proofs.of(historyKeyOf("neighbour")).check(proofOf("new"), NOW)).toBe("fresh")
    })
  })
})

test("a tree that is frozen keeps what its guardrails had in mind; one that has ended does not", async () => {
  await inLedger((trees, sql) => {
    const state = trees.newTreeState(ROOT, ALICE, null, POINTER, assembled().guardrails)
    const held = opened(open(assembled(), state, "first"))
    trees.transaction(true, () => {
      trees.storage.saveTree(state)
      const span = { kind: "sliding", seconds: 3600 } as const
      const counted = { owner: "window", key: "", amount: 1, limit: 5, span, repeats: null }
      const updates = [{ kind: "spend", ...counted } as const]
      trees.storage.memories.save(state.ledger, [{ scope: ROOT, updates }], NOW)
    })
    const kept = () =>
      new LedgerStorage(sql).load(NOW, freshProofs)?.memories.of(ROOT).sliding.find("window", "")?.total
    trees.end(state, [held.task], { task: held.task, status: "quarantined", by: "operator" })
    expect(kept()).toBe(1)
    trees.end(state, [held.task], { task: held.task, status: "revoked", by: "operator" })
    expect(kept()).toBeUndefined()
  })
})

describe("a step that fails", () => {
  test("forgets no proof, and changes nothing in memory that storage does not have", async () => {
    await inLedger((trees) => {
      const state = trees.newTreeState(ROOT, ALICE, null, POINTER, assembled().guardrails)
      trees.transaction(true, () => trees.storage.saveTree(state))
      trees.hold(state)
      state.ledger.proofs.admit(historyKeyOf("first"), proofOf("seen"), NOW, newNonce)
      state.labels.add("of a step that fails")
      const failing = (): void =>
        trees.transaction(true, () => {
          trees.storage.saveBundle(state.ledger, { ...POINTER, seq: POINTER.seq + 1 }, assembled().guardrails)
          throw new Error("storage is full, by a test")
        })
      expect(failing).toThrow("storage is full")
      expect(trees.of(ROOT)).not.toBe(state)
      expect(trees.of(ROOT)).toMatchObject({ ledger: { bundle: POINTER }, labels: new Set() })
      expect(trees.state?.proofs.of(historyKeyOf("first")).check(proofOf("seen"), NOW)).toBe("seen")
    })
  })
})

interface Rows {
  readonly read: number
  readonly written: number
}

/** The rows that statements read and write from now on. */
function rowsOf(sql: SqlStorage): { readonly count: () => Rows; readonly stop: () => void } {
  // oxlint-disable-next-line typescript/unbound-method -- bound below
  const exec = sql.exec.bind(sql)
  const cursors: ReturnType<typeof exec>[] = []
  const watched = vi.spyOn(sql, "exec").mockImplementation((...given: Parameters<SqlStorage["exec"]>) => {
    const cursor = exec(...given)
    cursors.push(cursor)
    return cursor
  })
  const sum = (of: "rowsRead" | "rowsWritten") => cursors.reduce((total, cursor) => total + cursor[of], 0)
  return { count: () => ({ read: sum("rowsRead"), written: sum("rowsWritten") }), stop: () => watched.mockRestore() }
}

/** Opens as many trees in a ledger, each with a token, as its own steps do; and reports what the last of them cost. */
function openMany(trees: Trees, sql: SqlStorage, count: number): Rows {
  const bundle = assembled()
  const rows = rowsOf(sql)
  let before = rows.count()
  for (let nth = 0; nth < count; nth++) {
    before = rows.count()
    const root = `${firstIdAt("tsk", NOW).slice(0, -11)}${String(nth).padStart(5, "0")}${"0".repeat(16)}`
    const state = trees.newTreeState(root, ALICE, NOW, POINTER, bundle.guardrails)
    const now = trees.now(state)
    dropExpiredTokens(state, historyKeyOf(agentId("first")), now)
    const request = openRequest(agentId("first"), state, `token of ${root}`, { since: NOW })
    const result = openTask(bundle, state, request, now)
    if (isOAuthFailure(result)) throw new Error(JSON.stringify(result.refused))
    trees.transaction(true, () => {
      trees.storage.saveTree(state)
      trees.saveOpening(state, result.opening)
    })
    applyOpening(state, result.opening, now)
    trees.hold(state)
  }
  rows.stop()
  const { read, written } = rows.count()
  return { read: read - before.read, written: written - before.written }
}

function endTree(trees: Trees, root: string): void {
  const state = trees.of(root)
  if (!state) throw new Error("no tree")
  const end = { task: root, status: "revoked", by: "operator" } as const
  trees.transaction(true, () => trees.storage.trees.saveEnd([root], end))
  trees.end(state, [root], end)
}

test("one more task costs as many rows in a ledger of 500 trees as in one of two: no step scans its tables", async () => {
  const costs: { read: number; written: number }[] = []
  for (const count of [2, 500]) await inLedger((trees, sql) => void costs.push(openMany(trees, sql, count)))
  expect(costs[1]).toEqual(costs[0])
  expect(costs[0]?.written).toBeLessThanOrEqual(3)
})

test("a waking reads as many rows in a ledger in which 500 trees have ended as in one in which two have", async () => {
  const read: number[] = []
  for (const count of [2, 500])
    await inLedger((trees, sql) => {
      openMany(trees, sql, count + 2)
      for (const root of [...(trees.state?.trees.keys() ?? [])].slice(0, count)) endTree(trees, root)
      const rows = rowsOf(sql)
      expect(new LedgerStorage(sql).load(Date.now(), freshProofs)?.trees.size).toBe(2)
      rows.stop()
      read.push(rows.count().read)
    })
  expect(read[1]).toBe(read[0])
})

test("after a waking each opening of the last minute counts once, whether its tree has ended before, since, or not", async () => {
  await inLedger((trees, sql) => {
    openMany(trees, sql, 3)
    const [before = "", since = ""] = trees.state?.trees.keys() ?? []
    endTree(trees, before)
    const storage = new LedgerStorage(sql)
    const ledger = storage.load(NOW, freshProofs)
    const [tree, root] = [ledger?.trees.get(since), ledger?.trees.get(since)?.tasks.get(since)]
    if (!ledger || !tree || !root) throw new Error("no tree")
    storage.journal.fold(NOW)
    storage.trees.end(tree, NOW)
    ledger.openings.end(root)
    const openable = (live: number, perMinute: number, now = NOW): boolean =>
      ledger.openings.whyFull(root.historyKey, { live, per_minute: perMinute }, now) === null
    expect([openable(10, 3), openable(10, 4)]).toEqual([false, true])
    expect([openable(1, 10), openable(2, 10)]).toEqual([false, true])
    ledger.openings.add({ ...root, id: "another" })
    expect([openable(10, 4), openable(10, 5), openable(2, 10)]).toEqual([false, true, false])
    expect(openable(10, 1, Date.now() + 60_000)).toBe(true)
  })
})

test("tokens that have expired leave memory and storage as the next one is issued to their agent", async () => {
  await inLedger((trees, sql) => {
    openMany(trees, sql, 20)
    const [root = ""] = trees.state?.trees.keys() ?? []
    const stored = () =>
      JSON.parse(sql.exec<{ tokens: string }>("SELECT tokens FROM tasks WHERE id = ?", root).one().tokens)
    expect(stored()).toHaveLength(1)
    vi.useFakeTimers({ now: NOW + 901_000, toFake: ["Date"] })
    const [tree] = trees.state?.trees.values() ?? []
    if (!tree) throw new Error("no tree")
    dropExpiredTokens(tree, historyKeyOf(agentId("first")), NOW + 901_000)
    const opening = { task: null, session: null, extension: null, carried: [], isFresh: false }
    const token = { jti: "fresh", task: tree.root, expiresAt: NOW + 902_000, jkt: null }
    trees.transaction(true, () => trees.saveOpening(tree, { ...opening, token }))
    expect(stored()).toEqual([["fresh", NOW + 902_000, null]])
    expect([...(trees.state?.trees.values() ?? [])].flatMap(({ tokens }) => [...tokens.keys()])).toEqual([])
  })
})

test("memory holds no tree that has ended, but for a few that are asked about or may be repeated", async () => {
  await inLedger((trees, sql) => {
    openMany(trees, sql, 20)
    const held = (): readonly string[] => [...(trees.state?.trees.keys() ?? [])]
    const roots = held()
    for (const root of roots.slice(0, 10)) endTree(trees, root)
    expect(held()).toEqual(roots.slice(10))
    for (const root of roots.slice(0, 10)) expect(trees.of(root)?.tasks.get(root)?.status).toBe("revoked")
    expect(held()).toHaveLength(10 + MOST_ENDED)
    // Nor more of those whose last call may be repeated.
    for (const root of roots.slice(10)) {
      const state = trees.of(root)
      if (!state) throw new Error("no tree")
      const remembered = { task: root, finished: root, call: "", decisionId: "", until: NOW + 60_000 }
      state.retries.set("a retry", remembered)
      const end = { task: root, status: "completed", by: "plan" } as const
      trees.transaction(true, () => trees.storage.trees.saveEnd([root], end))
      trees.end(state, [root], end)
      expect(trees.of(root)?.retries.size).toBe(1)
    }
    expect(held()).toHaveLength(MOST_ENDED)
    // What has ended counts for nobody.
    expect(trees.state?.liveTasks.of(historyKeyOf(agentId("first")))).toBe(0)
  })
})

test("an agent that has as many tokens as it may have gets others at once when the tree of these has ended", async () => {
  await inLedger((trees, sql) => {
    openMany(trees, sql, 2)
    const [root = ""] = trees.state?.trees.keys() ?? []
    const tree = trees.of(root)
    const agent = historyKeyOf(agentId("first"))
    const expiresAt = NOW + 600_000
    for (let nth = 0; nth < MAX_LIVE_TOKENS.agent; nth++)
      if (tree) trees.state?.liveTokens.add(tree, `token-${nth}`, { task: root, expiresAt, jkt: null })
    expect(trees.state?.liveTokens.fullUntil(agent)).not.toBeNull()
    endTree(trees, root)
    expect(trees.state?.liveTokens.fullUntil(agent)).toBeNull()
  })
})
