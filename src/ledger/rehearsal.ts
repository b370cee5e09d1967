/**
 * A step of a ledger for the rehearsal of a call (gateway/warm-up.ts): a ledger wakes on a storage that says nothing and
 * keeps nothing, takes a tree, and decides one call of it. It sets no timer, sends nothing, and shares no memory with any ledger.
 */
import type { LedgerCall } from "../core/record/visible-call.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import { Proofs } from "../core/task/proof-log.ts"
import type { Task } from "../core/task/task.ts"
import { newTree } from "../core/task/state.ts"
import { AgentLedgers } from "./agent-ledgers.ts"
import { Calls } from "./calls.ts"
import { Trees } from "./trees.ts"
import type { LedgerDecision, NoBundle } from "./protocol.ts"

export interface RehearsedTree {
  readonly task: Task
  readonly user: UserFacts
  /** `jti` of the task's token. */
  readonly token: string
}

/** Null: a row would have to be written, or credit requested, in another way than a first call does. */
export function rehearseStep(
  bundle: Bundle,
  ask: LedgerCall,
  { task, user, token }: RehearsedTree,
  variables: Readonly<Record<string, string>>,
): LedgerDecision | NoBundle | null {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a real one no step needs more
  const [ctx, env] = [emptyObject(bundle) as never, variables as never]
  const trees = new Trees(ctx, env, (since) => new Proofs("", since))
  if (!trees.state) return null
  const tree = newTree(trees.state, task.id, user, 0)
  tree.tasks.set(task.id, { ...task })
  tree.tokens.set(token, { task: task.id, expiresAt: task.expiresAt, jkt: null })
  trees.hold(tree)
  const calls = new Calls(trees, new AgentLedgers(trees, ctx, env), env, () => undefined)
  const answer = calls.decide(bundle, bundle.pointer, ask, Number.POSITIVE_INFINITY)
  return answer instanceof Promise ? null : answer
}

/** The object of a ledger that has no tree yet. */
function emptyObject({ pointer }: Bundle): object {
  const ledger = {
    bundle_seq: pointer.seq,
    bundle_digest: pointer.digest,
    hidden: "[]",
    back_from: null,
    back_until: null,
    home: null,
  }
  const none = { at: null, until: null }
  const exec = (query: string): object => {
    const rows = /FROM ledger$|name = 'ledger'/.test(query) ? [ledger] : []
    return { toArray: () => rows, one: () => none, [Symbol.iterator]: () => rows[Symbol.iterator]() }
  }
  return {
    id: { toString: () => "rehearsal" },
    waitUntil: () => undefined,
    storage: {
      sql: { exec },
      transactionSync: (step: () => unknown) => step(),
      getAlarm: async () => null,
      setAlarm: async () => undefined,
      sync: async () => new Promise(() => undefined),
    },
  }
}
