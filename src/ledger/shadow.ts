/**
 * Shadow mode: how a candidate bundle would have decided. It decides beside the live bundle, in the same step and on
 * the same state, before anything of the decision is applied. Its result only goes into the record.
 */
import type { Differing, ShadowResult } from "../core/record/record.ts"
import { NO_EVIDENCE, type Call, type DecisionResult } from "../core/decision/call.ts"
import { decide, resultWithoutChange } from "../core/decision/decide.ts"
import { codeOf, type Denial } from "../core/denials/denial.ts"
import { openTask } from "../core/task/open.ts"
import { isOAuthFailure, oauthErrorOf } from "../core/denials/oauth-error.ts"
import { factsOf } from "../core/decision/check-guardrails.ts"
import { riskOf } from "../core/decision/risk.ts"
import { TaskMemories } from "../core/decision/task-memories.ts"
import { withinWork } from "../core/decision/within-work.ts"
import { Work } from "../core/encoding/work.ts"
import type { GuardrailDefinition } from "../core/guardrails/definition.ts"
import type { CompiledGuardrail } from "../core/guardrails/kind.ts"
import { Memory } from "../core/guardrails/memory.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { OpenRequest } from "../core/task/open-request.ts"
import { applyScoped, joined, Memories } from "../core/task/memories.ts"
import type { Opened } from "../core/task/opening-step.ts"
import { ancestryOf, type TreeState } from "../core/task/state.ts"

export class Shadow {
  #digest = ""
  /**
   * For each life of the ledger, by its memories: those of guardrails that only the candidate defines in this way. They
   * have the calls that were admitted since it is a candidate.
   */
  #memories = new WeakMap<Memories, Memories>()

  /** @param live the decision on the call */
  call(
    candidate: Bundle,
    live: Bundle | null,
    state: TreeState,
    call: Call,
    outcome: DecisionResult,
    now: number,
    work: Work = new Work(),
  ): ShadowResult {
    this.#isFor(candidate)
    return shadowResult(candidate, () => {
      const same = live ? sameIn(live, candidate) : NONE
      const { memories: lived } = state.ledger
      const memories = new Memories((scope) => new Divided(lived.of(scope), this.#ownOf(lived).of(scope), same))
      const { verdict, needs } = decide(candidate, { ...state, ledger: { ...state.ledger, memories } }, call, now, work)
      if (outcome.change) this.#remember(candidate, state, call, same, now, work)
      const { denial: livedDenial } = outcome.verdict
      // The candidate takes nothing of what all ledgers share, because that could deny a call elsewhere.
      const denial = needs.length > 0 ? null : verdict.denial
      const code = denial ? codeOf(denial) : "ok"
      if (code === (livedDenial ? codeOf(livedDenial) : "ok")) return null
      const principal = denial && "principal" in denial ? denial.principal : null
      const rules = denial ? ("rules" in denial ? denial.rules : []) : verdict.evidence.rules
      return { decision: denial ? "deny" : "allow", code, denial, principal, rules, scope: null }
    })
  }

  /** @param denial why the call was denied before it came here */
  refused(candidate: Bundle, state: TreeState, call: Call, denial: Denial, now: number): ShadowResult {
    return this.call(candidate, null, state, call, resultWithoutChange(denial, NO_EVIDENCE), now)
  }

  /** @param live what was opened */
  opening(candidate: Bundle, state: TreeState, request: OpenRequest, live: Opened, now: number): ShadowResult {
    this.#isFor(candidate)
    return shadowResult(candidate, () => {
      const opened = openTask(candidate, state, request, now)
      const noPrincipal = { principal: null, rules: [] }
      if (isOAuthFailure(opened)) {
        const { refused: denial } = opened
        return { ...noPrincipal, decision: "deny", code: oauthErrorOf(denial), denial, scope: null }
      }
      const { scope } = opened.task
      return scope === live.task.scope ? null : { ...noPrincipal, decision: "allow", code: "ok", denial: null, scope }
    })
  }

  #isFor({ pointer: { digest } }: Bundle): void {
    if (this.#digest === digest) return
    this.#digest = digest
    this.#memories = new WeakMap()
  }

  #ownOf(memories: Memories): Memories {
    let own = this.#memories.get(memories)
    if (!own) this.#memories.set(memories, (own = new Memories()))
    return own
  }

  /** Calls that the candidate would have denied do not count in its own memory, so that none grows beyond its limit. */
  #remember(
    candidate: Bundle,
    state: TreeState,
    call: Call,
    same: ReadonlySet<GuardrailDefinition>,
    now: number,
    work: Work,
  ): void {
    const [task, tool] = [state.tasks.get(call.task), candidate.catalog.tools.get(call.tool)]
    if (!task || !tool) return
    const ancestry = ancestryOf(state, call.task)
    const risk = riskOf(state, ancestry, call.risks, now)
    const { applying, tracking } = candidate.guardrails.about(tool)
    const memories = this.#ownOf(state.ledger.memories)
    const own = new TaskMemories({ ...state, ledger: { ...state.ledger, memories } }, ancestry)
    const isOwn = ({ guardrail }: CompiledGuardrail): boolean => !same.has(guardrail)
    const memoryUpdates = withinWork(call, work, (seen, meter, isTooMuch) => {
      const facts = factsOf(state, task, tool, seen, risk, meter)
      return [
        ...applying
          .filter(isOwn)
          .flatMap((each) => own.updates(each, (memory) => each.evaluate(facts, memory, now).memoryUpdates)),
        ...tracking
          .filter(isOwn)
          .flatMap((each) =>
            own.updates(each, (memory) =>
              isTooMuch ? each.trackAny([tool], facts, memory) : each.track(facts, memory, now).memoryUpdates,
            ),
          ),
      ]
    })
    applyScoped(memories, joined(memoryUpdates), now)
  }
}

const NONE: ReadonlySet<GuardrailDefinition> = new Set()

/** Guardrails that both bundles define in the same way read the live memory, which is never changed here. */
class Divided extends Memory {
  readonly #live: Memory
  readonly #own: Memory
  readonly #same: ReadonlySet<GuardrailDefinition>

  constructor(live: Memory, own: Memory, same: ReadonlySet<GuardrailDefinition>) {
    super()
    this.#live = live
    this.#own = own
    this.#same = same
  }

  override of(guardrail: GuardrailDefinition): Memory {
    return this.#same.has(guardrail) ? this.#live : this.#own
  }
}

/** Those of the candidate that the live bundle has just so. */
function sameIn(live: Bundle, candidate: Bundle): ReadonlySet<GuardrailDefinition> {
  const cached = sames.get(candidate)
  if (cached?.live === live) return cached.same
  const texts = new Set(live.guardrails.definitions.map((each) => JSON.stringify(each)))
  const same = new Set(candidate.guardrails.definitions.filter((each) => texts.has(JSON.stringify(each))))
  sames.set(candidate, { live, same })
  return same
}
const sames = new WeakMap<Bundle, { readonly live: Bundle; readonly same: ReadonlySet<GuardrailDefinition> }>()

/** An error while the candidate decides becomes its result, and does not disturb the live decision. */
function shadowResult({ pointer: bundle }: Bundle, compare: () => Differing | null): ShadowResult {
  try {
    return { bundle, differs: compare() }
  } catch (error) {
    logEvent("candidate_failed", { error: String(error) })
    const failed = { decision: "deny", code: "unavailable", denial: { reason: "failed" }, principal: null } as const
    return { bundle, differs: { ...failed, rules: [], scope: null } }
  }
}
