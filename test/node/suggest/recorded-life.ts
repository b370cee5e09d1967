/**
 * A life of some tasks, recorded as their ledger records it: each call is decided on the state that the calls before it
 * left, and its record is what comes out of storage.
 */
import { parseScope } from "../../../src/core/catalog/pattern.ts"
import { recordDecision } from "../../../src/core/record/call-record.ts"
import { openingRecord } from "../../../src/core/record/token-record.ts"
import { readStored, storedForm, type DecisionRecord } from "../../../src/core/record/record.ts"
import { UNKNOWN_CLIENT } from "../../../src/core/decision/client.ts"
import type { Call } from "../../../src/core/decision/call.ts"
import { isOAuthFailure } from "../../../src/core/denials/oauth-error.ts"
import { addTree, beginLedger, callStep, openRequest, openStep } from "../../../src/core/explanation/simulated-tree.ts"
import { Memory } from "../../../src/core/guardrails/memory.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import type { LedgerState, TreeState } from "../../../src/core/task/state.ts"
import { decisionRecord, type ShownRecord } from "../../../cli/remote/decision-record.ts"

export const START = 1_800_000_000_000
const USER = { issuer: "http://127.0.0.1:8788", subject: "alice", groups: ["support"] }

export interface Made {
  readonly task: string
  readonly call: (tool: string, args?: Readonly<Record<string, unknown>>, more?: Partial<Call>) => DecisionRecord
}

/** One person's ledger. */
export class RecordedLife {
  readonly records: ShownRecord[] = []
  readonly #bundle: Bundle
  readonly #ledger: LedgerState
  readonly #numbers = new Map<string, number>()
  now = START
  #made = 0

  constructor(bundle: Bundle) {
    this.#bundle = bundle
    this.#ledger = beginLedger(bundle.pointer, START, new Memory())
  }

  /** Opens a root task. */
  open(agent: string, purpose: string, scope?: string): Made {
    const root = `tsk_01JZZZZZZZZZ${String(this.#ledger.trees.size).padStart(3, "0")}${"0".repeat(21)}`
    const state = addTree(this.#ledger, root, USER, this.now)
    const parts =
      scope === undefined
        ? null
        : [{ scopes: scope.split(" ").flatMap((text) => parseScope(text) ?? []), maxSensitivity: null, bounds: {} }]
    const request = openRequest(agent, state, root, { purpose, asked: { parts, inDetails: false, calls: null } })
    return this.#opened(state, request)
  }

  #opened(state: TreeState, request: ReturnType<typeof openRequest>): Made {
    const opened = openStep(this.#bundle, state, request, this.now)
    if (isOAuthFailure(opened)) throw new Error(JSON.stringify(opened))
    const stamp = { decisionId: this.#id(), receivedAt: this.now }
    const record = openingRecord(opened, USER, this.#bundle.pointer, stamp, null, this.now)
    this.#keep({ ...record, ...this.#place(state.root) })
    const token = opened.opening.token.jti
    const { id: task, expiresAt } = opened.task
    state.tokens.set(token, { task, expiresAt, jkt: null })
    return { task, call: (tool, args = {}, more = {}) => this.#call(state, { task, token, tool, args, more }) }
  }

  #call(
    state: TreeState,
    {
      task,
      token,
      tool,
      args,
      more,
    }: { task: string; token: string; tool: string; args: Readonly<Record<string, unknown>>; more: Partial<Call> },
  ): DecisionRecord {
    this.now += 1_000
    const call: Call = {
      decisionId: this.#id(),
      task,
      token,
      proof: null,
      tool,
      arguments: { complete: true, values: args },
      method: "POST",
      target: "/",
      gateway: "edge",
      environment: "development",
      client: UNKNOWN_CLIENT,
      mode: "enforce",
      retry: null,
      risks: [],
      ...more,
    }
    const verdict = callStep(this.#bundle, state, call, this.now)
    const ask = {
      ...call,
      path: "/mcp",
      segments: [],
      size: 0,
      tokenHash: "0".repeat(16),
      recordKey: null,
      receivedAt: this.now,
    }
    return this.#keep(recordDecision(this.#bundle, ask, verdict, null, this.#place(state.root), this.now))
  }

  #place(root: string): { readonly life: number; readonly number: number } {
    const number = (this.#numbers.get(root) ?? 0) + 1
    this.#numbers.set(root, number)
    return { life: 1, number }
  }

  #id(): string {
    return `dec_${String(++this.#made).padStart(6, "0")}`
  }

  #keep(record: DecisionRecord): DecisionRecord {
    this.records.push(decisionRecord.parse(JSON.parse(JSON.stringify(readStored(storedForm(record))))))
    return record
  }
}
