/**
 * Erases a person in a ledger: what it says of them, of what their tasks may do, and of what they were asked. The
 * counts of guardrails, carried labels and reported risks stay until their time has passed, so that no erasure launders
 * history. It is one synchronous step: each call is decided before it or after it.
 */
import type { DecisionRecord } from "../core/record/record.ts"
import { dropAllExpired } from "../core/task/labels.ts"
import { userId, type UserFacts } from "../core/policy/principals.ts"
import { endedBy } from "../core/task/transition.ts"
import { newId } from "../platform/new-id.ts"
import { endAndRecord } from "./end-task.ts"
import type { Erased } from "./protocol.ts"
import type { Trees } from "./trees.ts"

export type ErasedPerson = Pick<UserFacts, "issuer" | "subject">

/** @param record of the request; that of each tree that it ends has the same operator and reason */
export function erasePerson(trees: Trees, person: ErasedPerson, record: DecisionRecord): Erased {
  // First of all: if it corrects the ledger's clock, the state is another one then.
  trees.of("")
  const { state } = trees
  if (!state) return { ended: 0, trees: 0, until: null }
  const now = trees.now({ ledger: state })
  // Of trees that have ended, memory holds a few at a time only.
  const roots = new Set([...state.trees.keys(), ...trees.storage.trees.ended()])
  let erased = 0
  const ended = [...roots].flatMap((root) => {
    const tree = trees.of(root)
    if (!tree?.user || userId(tree.user) !== userId(person)) return []
    erased += 1
    const end = { task: tree.root, status: "revoked", by: "operator" } as const
    const ofTree = { ...record, id: newId("dec", now), kind: "end", task: tree.root } as const
    const tasks = endedBy(tree, end)
    if (tasks.length > 0) endAndRecord(trees, tree, end, record.operator, ofTree)
    trees.forget(tree)
    return tasks
  })
  const last = trees.transaction(true, () => trees.storage.lastUntil(now))
  // What steps wrote stays in the rows of the journal otherwise, until others take their place.
  trees.storage.journal.blank()
  const until = Math.max(last, dropAllExpired(state, now) ?? 0)
  return { ended: ended.length, trees: erased, until: until > now ? until : null }
}
