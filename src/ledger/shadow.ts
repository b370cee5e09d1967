/**
 * Shadow mode: what a candidate bundle would have said, judged beside the live one in the same step and on the same
 * state, before anything of the decision is applied. Nothing comes of it but a line in the record.
 */
import type { Differing, Tried } from "../audit/record.ts"
import { NO_EVIDENCE, type Call, type Outcome } from "../call.ts"
import { decide } from "../decide.ts"
import { codeOf, type Denial } from "../decision.ts"
import { openTask, type Opened, type OpenRequest } from "../exchange/open.ts"
import { isRefused, oauthErrorOf } from "../exchange/refusal.ts"
import { AdmissionLog, windowKey, type WindowUse } from "../guardrails/window.ts"
import { logEvent } from "../log.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { TreeState } from "./state.ts"

export class Shadow {
  #digest = ""
  /** Of windows that only the candidate has: what it would have admitted since it is tried here, of what was. */
  #windows = new Map<string, AdmissionLog>()

  /** @param live what the call was decided to be */
  call(candidate: Bundle, state: TreeState, call: Call, live: Outcome, now: number): Tried {
    this.#isFor(candidate)
    return tried(candidate, () => {
      const windows = this.#windowsFor(candidate, state, call)
      const { denial, evidence } = decide(candidate, { ...state, windows }, call, now).verdict
      if (live.change) this.#count(candidate, call, live.change.windows, now)
      const code = denial ? codeOf(denial) : "ok"
      const { denial: lived } = live.verdict
      if (code === (lived ? codeOf(lived) : "ok")) return null
      const principal = denial && "principal" in denial ? denial.principal : null
      const rules = denial ? ("rules" in denial ? denial.rules : []) : evidence.rules
      return { decision: denial ? "deny" : "allow", code, denial, principal, rules, scope: null }
    })
  }

  /** @param denial why it was refused before it came here */
  refused(candidate: Bundle, state: TreeState, call: Call, denial: Denial, now: number): Tried {
    const verdict = { denial, evidence: NO_EVIDENCE, retryOf: null }
    return this.call(candidate, state, call, { change: null, verdict, proof: null, end: null }, now)
  }

  /** @param live what was opened */
  opening(candidate: Bundle, state: TreeState, request: OpenRequest, live: Opened, now: number): Tried {
    this.#isFor(candidate)
    return tried(candidate, () => {
      const opened = openTask(candidate, state, request, now)
      const unsaid = { principal: null, rules: [] }
      if (isRefused(opened)) {
        const { refused: denial } = opened
        return { ...unsaid, decision: "deny", code: oauthErrorOf(denial), denial, scope: null }
      }
      const { scope } = opened.task
      return scope === live.task.scope ? null : { ...unsaid, decision: "allow", code: "ok", denial: null, scope }
    })
  }

  #isFor({ pointer: { digest } }: Bundle): void {
    if (this.#digest === digest) return
    this.#digest = digest
    this.#windows = new Map()
  }

  /** Those that the candidate asks about: the live ones where it has them too. */
  #windowsFor(candidate: Bundle, { windows }: TreeState, { tool, task }: Call): TreeState["windows"] {
    const asked = candidate.windowsOf(tool).flatMap((definition): [string, AdmissionLog][] => {
      const key = windowKey(definition, task)
      const [lived, own] = [windows.get(key), this.#windows.get(key)]
      return lived ? [[key, new Peeked(lived)]] : own ? [[key, own]] : []
    })
    return new Map(asked)
  }

  #count(candidate: Bundle, { tool, task }: Call, counted: readonly { readonly key: string }[], now: number): void {
    const keys = new Set(counted.map(({ key }) => key))
    for (const definition of candidate.windowsOf(tool)) {
      const key = windowKey(definition, task)
      if (keys.has(key)) continue
      let log = this.#windows.get(key)
      if (!log) this.#windows.set(key, (log = new AdmissionLog()))
      // What it would have refused fills none of its windows; so none grows beyond its limit.
      if (log.use(definition, now).waits === 0) log.admit(now)
    }
  }
}

/** A log that is only looked at. */
class Peeked extends AdmissionLog {
  readonly #log: AdmissionLog

  constructor(log: AdmissionLog) {
    super()
    this.#log = log
  }

  override use(...asked: Parameters<AdmissionLog["use"]>): WindowUse {
    return this.#log.peek(...asked)
  }
}

/** Whatever goes wrong goes wrong with the candidate. */
function tried({ pointer: bundle }: Bundle, judge: () => Differing | null): Tried {
  try {
    return { bundle, differs: judge() }
  } catch (error) {
    logEvent("candidate_failed", { error: String(error) })
    const failed = { decision: "deny", code: "unavailable", denial: { reason: "failed" }, principal: null } as const
    return { bundle, differs: { ...failed, rules: [], scope: null } }
  }
}
