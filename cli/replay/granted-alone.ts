/** Whether a task that requests nothing but the tool of a call would cover it, where no record shows its opening. */
import { boundsOf, namesOf } from "../../src/core/decision/check-grant.ts"
import { violation } from "../../src/core/catalog/bounds/bounds.ts"
import type { ArgumentBounds } from "../../src/core/catalog/bounds/definition.ts"
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import { codeOf } from "../../src/core/denials/denial.ts"
import { isOAuthFailure, oauthErrorOf, type OAuthError } from "../../src/core/denials/oauth-error.ts"
import type { RejudgedVerdict } from "../../src/core/explanation/rejudge.ts"
import type { RecordedSituation } from "../../src/core/explanation/recorded-situation.ts"
import { beginTree, openRequest, openStep } from "../../src/core/explanation/simulated-tree.ts"
import { Work } from "../../src/core/encoding/work.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { ShownRecord } from "../remote/decision-record.ts"
import { KEY } from "./replayed-trees.ts"

type Coverage = { readonly bounds: readonly ArgumentBounds[] } | { readonly verdict: RejudgedVerdict }

export class GrantedAlone {
  readonly #bundle: Bundle
  readonly #cache = new Map<string, Coverage>()

  constructor(bundle: Bundle) {
    this.#bundle = bundle
  }

  /** Null if it would cover the call; a list: it depends on these, which the record does not have. */
  denialOf(record: ShownRecord, situation: RecordedSituation): RejudgedVerdict | readonly string[] | null {
    const coverage = this.#coverageOf(record, situation)
    if ("verdict" in coverage) return coverage.verdict
    const names = namesOf(coverage.bounds)
    const lacking = names.filter((name) => situation.notRecorded.includes(`context.arguments.${name}`))
    if (lacking.length > 0) return lacking.map((name) => `context.arguments.${name}`)
    const broken = violation(coverage.bounds, situation.arguments.values, { now: record.at, work: new Work(Infinity) })
    return broken && verdict("insufficient_scope", "argument_out_of_bounds")
  }

  /** The arguments that bounds of grants read. */
  reads(record: ShownRecord, situation: Pick<RecordedSituation, "tool" | "task" | "user">): readonly string[] {
    const coverage = this.#coverageOf(record, situation)
    return "bounds" in coverage ? namesOf(coverage.bounds) : []
  }

  #coverageOf(record: ShownRecord, situation: Pick<RecordedSituation, "tool" | "user">): Coverage {
    const { chain, purpose, environment, bound } = record
    const agent = chain.at(-1) ?? ""
    const { tool, user } = situation
    const key = JSON.stringify([agent, purpose, user, tool, environment, bound])
    let coverage = this.#cache.get(key)
    if (coverage) return coverage
    if (this.#cache.size >= MOST_CACHED) this.#cache.clear()
    this.#cache.set(key, (coverage = this.#cover(record, situation, agent)))
    return coverage
  }

  #cover(
    { at, purpose, environment, bound }: ShownRecord,
    situation: Pick<RecordedSituation, "tool" | "user">,
    agent: string,
  ): Coverage {
    const tool = this.#bundle.catalog.tools.get(situation.tool)
    if (!tool) return { verdict: verdict("unknown_tool", "tool_unknown") }
    if (isLifecycle(tool)) return { bounds: [] }
    const state = beginTree(this.#bundle.pointer, "tsk_alone", situation.user, at)
    const scopes = [{ pattern: tool.name, action: tool.action }]
    const asked = { parts: [{ scopes, maxSensitivity: null, bounds: {} }], inDetails: false, calls: null }
    const jkt = bound ? KEY : null
    // Whether somebody has consented is not known here: policy is asked with their consent.
    const request = openRequest(agent, state, "token", { purpose, asked, jkt, approvals: ["user"] })
    // Of a large catalog only this tool matters: to look at all of them for each call would take seconds.
    const catalog = { ...this.#bundle.catalog, tools: new Map([[tool.name, tool]]) }
    const opened = openStep({ ...this.#bundle, catalog }, state, request, at)
    if (isOAuthFailure(opened)) return { verdict: refusalVerdict(opened.refused, tool.name, situation.user !== null) }
    const bounds = boundsOf(opened.task, tool, environment ?? "")
    return "reason" in bounds ? { verdict: verdict(codeOf(bounds), bounds.reason) } : { bounds }
  }
}

const MOST_CACHED = 10_000

/**
 * What a call is denied with whose task is not opened.
 * @param hasUser whether policy is asked for the user; otherwise for the agent
 */
export function refusalVerdict(refused: OAuthError, tool: string, hasUser: boolean): RejudgedVerdict {
  const cap = "lacking" in refused ? refused.lacking[tool] : undefined
  const principal = cap?.cap === "policy" ? `${hasUser ? "User" : "Agent"}::${JSON.stringify(cap.of)}` : null
  return { ...verdict(oauthErrorOf(refused), refused.reason), principal }
}

const verdict = (code: string, reason: string): RejudgedVerdict => ({ code, reason, principal: null, rules: [] })
