import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, describe, expect, test } from "vitest"
import type { Proof } from "../../src/core/task/proof-log.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { Tree } from "../../src/ledger/tree.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { ALICE, assembled, freshProofs, open, opened, POINTER, ROOT } from "../harness/trees.ts"

afterEach(freshIsolate)

const NOW = Date.now()
const proofOf = (jti: string, nonce: string | null = null): Proof => {
  const iat = Math.floor(NOW / 1000)
  return { jkt: "key", jti, iat, freshUntil: NOW + 60_000, nonce }
}

async function inTree(use: (tree: Tree, sql: SqlStorage) => void): Promise<void> {
  const stub = env.LEDGER.getByName(crypto.randomUUID())
  await runInDurableObject(stub, (_ledger, ctx) => use(new Tree(ctx, env), ctx.storage.sql))
}

describe("proofs that are more than a ledger remembers", () => {
  test("are forgotten all at once, and none of them is taken again without the new nonce", async () => {
    await inTree((tree) => {
      const state = tree.newTreeState(ROOT, ALICE, null, POINTER, assembled().guardrails)
      const first = state.proofs.nonce
      for (let index = 0; index < 19_999; index++) state.proofs.admit(`${index}`)
      tree.boundProofs(state, NOW)
      expect(state.proofs.check(proofOf("0"), NOW)).toBe("seen")
      expect(state.proofs.check(proofOf("new"), NOW)).toBe("fresh")
      state.proofs.admit("19999")
      tree.boundProofs(state, NOW)
      expect(state.proofs.size).toBe(0)
      for (const nonce of [null, first]) expect(state.proofs.check(proofOf("0", nonce), NOW)).toBe("nonce_required")
      expect(state.proofs.check(proofOf("new", state.proofs.nonce), NOW)).toBe("fresh")
    })
  })
})

test("a tree that is frozen keeps what its guardrails had in mind; one that has ended does not", async () => {
  await inTree((tree, sql) => {
    const state = tree.newTreeState(ROOT, ALICE, null, POINTER, assembled().guardrails)
    const held = opened(open(assembled(), state, "first"))
    tree.transaction(true, () => {
      tree.storage.saveTree(state)
      const span = { kind: "sliding", seconds: 3600 } as const
      const counted = { owner: "window", key: "", amount: 1, limit: 5, span, repeats: null }
      tree.storage.saveNotes(state, [{ kind: "spend", ...counted }], NOW)
    })
    const kept = () => new LedgerStorage(sql).load(NOW, freshProofs)?.memory.sliding.find("window", "")?.total
    tree.end(state, [held.task], { task: held.task, status: "quarantined", by: "operator" })
    expect(kept()).toBe(1)
    tree.end(state, [held.task], { task: held.task, status: "revoked", by: "operator" })
    expect(kept()).toBeUndefined()
  })
})

describe("a step that fails", () => {
  test("forgets no proof, and changes nothing in memory that storage does not have", async () => {
    await inTree((tree) => {
      const state = tree.newTreeState(ROOT, ALICE, null, POINTER, assembled().guardrails)
      tree.transaction(true, () => tree.storage.saveTree(state))
      tree.state = state
      state.proofs.admit("seen")
      state.labels.add("of a step that fails")
      const failing = (): void =>
        tree.transaction(true, () => {
          tree.storage.saveBundle(state, { ...POINTER, seq: POINTER.seq + 1 }, assembled().guardrails)
          throw new Error("storage is full, by a test")
        })
      expect(failing).toThrow("storage is full")
      expect(tree.state).not.toBe(state)
      expect(tree.state).toMatchObject({ bundle: POINTER, labels: new Set() })
      expect(tree.state?.proofs.check(proofOf("seen"), NOW)).toBe("seen")
    })
  })
})
