/** The trees of recorded tasks, opened again under a bundle by the step that opened them. */
import { parseScope } from "../../src/core/catalog/pattern.ts"
import { isOAuthFailure, type OAuthError } from "../../src/core/denials/oauth-error.ts"
import { Memory } from "../../src/core/guardrails/memory.ts"
import { addTree, beginLedger, openRequest, openStep } from "../../src/core/explanation/simulated-tree.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { MAX_TASK_LIFE } from "../../src/core/policy/definition/agents.ts"
import type { UserFacts } from "../../src/core/policy/principals.ts"
import type { RequestedGrant } from "../../src/core/task/grant.ts"
import { readLocator, rootOf, whyEnded, type LedgerState, type TreeState } from "../../src/core/task/state.ts"
import { applyEnd, endedBy } from "../../src/core/task/transition.ts"
import type { ShownRecord } from "../remote/decision-record.ts"

export const KEY = "thumbprint"

/** A task that is open, or was; or the refusal to open it, or one above it. */
export type ReplayedTask =
  | { readonly kind: "open"; readonly state: TreeState; readonly token: string }
  | { readonly kind: "refused"; readonly refused: OAuthError }

export class ReplayedTrees {
  readonly #bundle: Bundle
  readonly #shared = new Memory()
  readonly #ledgers = new Map<string, LedgerState>()
  /** Token requests that opened a task, of which no call was made yet: only calls show the groups of the user. */
  readonly #pending = new Map<string, ShownRecord>()
  readonly #consented = new Set<string>()
  readonly #refused = new Map<string, { readonly refused: OAuthError; readonly at: number }>()

  constructor(bundle: Bundle) {
    this.#bundle = bundle
  }

  /** A token was issued: the first one of a task opens it. */
  noteOpening(record: ShownRecord): void {
    const { task } = record
    if (task === null || this.#isKnown(task)) return
    this.#pending.set(task, record)
  }

  noteConsent(task: string): void {
    this.#consented.add(task)
  }

  /** Somebody has ended the task, and so all tasks below it. */
  end(task: string, at: number): void {
    this.#pending.delete(task)
    const state = this.#stateOf(task)
    if (!state) return
    const end = { task, status: "revoked", by: "operator" } as const
    applyEnd(state, endedBy(state, end), end)
    state.ledger.clock = at
  }

  /** Null if nothing shows how the task was opened. */
  open(task: string, user: UserFacts | null): ReplayedTask | null {
    const refused = this.#refused.get(task)
    if (refused) return { kind: "refused", refused: refused.refused }
    const token = tokenOf(task)
    const state = this.#stateOf(task)
    if (state?.tasks.has(task)) return { kind: "open", state, token }
    const record = this.#pending.get(task)
    const above = parentOf(task)
    const parent = above === null ? null : this.open(above, user)
    if (!record || (above !== null && !parent)) return null
    this.#pending.delete(task)
    if (parent?.kind === "refused") return this.#refuse(task, parent.refused, record.at)
    return this.#openNew(task, record, user, parent?.state ?? null)
  }

  /** Tasks that have ended take room, and no call of theirs is decided by more than that. */
  forgetEnded(now: number): void {
    for (const { trees } of this.#ledgers.values())
      for (const [root, { tasks }] of trees)
        if ([...tasks.values()].every((task) => whyEnded(task, now - KEPT_MS) !== null)) trees.delete(root)
    for (const all of [this.#pending, this.#refused])
      for (const [task, { at }] of all) if (at < now - LONGEST_LIFE_MS) all.delete(task)
  }

  #openNew(task: string, record: ShownRecord, user: UserFacts | null, tree: TreeState | null): ReplayedTask {
    const { at, chain, purpose, scope, bound } = record
    const state = tree ?? addTree(this.#ledgerOf(task, at), task, user, at)
    const [above, token, jkt] = [parentOf(task), tokenOf(task), bound ? KEY : null]
    const parent = above === null ? undefined : state.tasks.get(above)
    // Children keep their numbers, whatever became of those before them.
    if (parent) parent.children = Number(task.slice(task.lastIndexOf(".") + 1)) - 1
    const request = openRequest(chain.at(-1) ?? "", state, token, {
      parent: above === null ? null : { task: above, token: tokenOf(above), handedOverBy: parent?.jkt ?? null },
      purpose,
      asked: requestFor(scope),
      approvals: this.#consented.has(task) ? ["user"] : [],
      jkt,
    })
    const opened = openStep(this.#bundle, state, request, at)
    if (isOAuthFailure(opened)) return this.#refuse(task, opened.refused, at)
    // No record says which token of its task a call presented: one lasts as long as the task.
    state.tokens.set(token, { task, expiresAt: opened.task.expiresAt, jkt })
    return { kind: "open", state, token }
  }

  #refuse(task: string, refused: OAuthError, at: number): ReplayedTask {
    this.#refused.set(task, { refused, at })
    return { kind: "refused", refused }
  }

  #isKnown(task: string): boolean {
    return this.#pending.has(task) || this.#refused.has(task) || this.#stateOf(task)?.tasks.has(task) === true
  }

  #stateOf(task: string): TreeState | undefined {
    return this.#ledgers.get(readLocator(task))?.trees.get(rootOf(task))
  }

  #ledgerOf(task: string, now: number): LedgerState {
    const id = readLocator(task)
    let ledger = this.#ledgers.get(id)
    if (!ledger) this.#ledgers.set(id, (ledger = beginLedger(this.#bundle.pointer, now, this.#shared)))
    return ledger
  }
}

/** For how long a call of an ended task is still denied as such. */
const KEPT_MS = 3_600_000
const LONGEST_LIFE_MS = MAX_TASK_LIFE * 1000

const tokenOf = (task: string): string => `token ${task}`

function parentOf(task: string): string | null {
  const dot = task.lastIndexOf(".")
  return dot < 0 ? null : task.slice(0, dot)
}

/** A record has what was granted, not what was requested: that much was requested in any case. */
function requestFor(scope: string | null): RequestedGrant {
  const scopes = (scope ?? "").split(" ").flatMap((text) => parseScope(text) ?? [])
  return { parts: [{ scopes, maxSensitivity: null, bounds: {} }], inDetails: false, calls: null }
}
