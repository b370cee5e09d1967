/**
 * What guardrails mean, written anew from docs/guides/guardrails.md and as simply as it can be: the past is the list of
 * what was admitted, and each guardrail is judged by walking all of it. No code of src/core/guardrails, no cleverness,
 * no limits on what is kept: the model that the product is held against.
 */
import { codeOf, type Denial } from "../../src/core/denials/denial.ts"
import type { Concurrency } from "../../src/core/guardrails/concurrency.ts"
import type { Cycle } from "../../src/core/guardrails/cycle.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import type { Storm } from "../../src/core/guardrails/storm.ts"
import {
  amountOf,
  covers,
  fieldOf,
  isLifecycleTool,
  isMissing,
  keyOf,
  membersOf,
  type ModelCall,
} from "./call-model.ts"
import { ConditionModel, type Admitted } from "./condition-model.ts"

/** Why a guardrail denies: what it is for, or that it cannot read what it needs. */
export interface Objection {
  readonly guardrail: string
  readonly because: Denial["reason"] | "unreadable"
}

const UNREADABLE = new Set<Denial["reason"]>([
  "guardrail_field_missing",
  "arguments_unknown",
  "argument_variant",
  "amount_unreadable",
])

/** Whether the denial is this objection, as far as it names what it stands for. */
export function isOf(denial: Denial, { guardrail, because }: Objection): boolean {
  const named = new Map<string, unknown>(Object.entries(denial))
  const by = named.get("guardrail") ?? named.get("window") ?? named.get("budget") ?? guardrail
  const isSuch = because === "unreadable" ? UNREADABLE.has(denial.reason) : denial.reason === because
  return isSuch && by === guardrail
}

const REASON = {
  window: "window_full",
  budget: "budget_spent",
  loop: "call_repeated",
  deviation: "origin_changed",
} as const

type Verdict = "holds" | "broken" | "unreadable"

interface CountedDenial {
  readonly storm: string
  readonly key: string
  readonly at: number
}

/** Seconds, of a call of which nobody knows how long it takes. */
const LONGEST_CALL = 3_600
const NOT_COUNTED = new Set(["unavailable", "invalid_token", "missing_token", "step_up_required"])

export class GuardrailModel {
  readonly #guardrails: readonly Guardrail[]
  readonly admitted: Admitted[] = []
  readonly #denied: CountedDenial[] = []
  readonly #landed = new Set<string>()

  constructor(guardrails: readonly Guardrail[]) {
    this.#guardrails = guardrails
  }

  /** All that stands against the call. */
  objections(call: ModelCall, now: number): readonly Objection[] {
    return this.#guardrails.flatMap((each) => this.#objections(each, call, now))
  }

  admit(call: ModelCall, now: number): void {
    this.admitted.push({ call, at: now, place: this.admitted.length })
  }

  /** @returns storms that this denial made */
  deny(call: ModelCall, now: number, denial: Denial): readonly Storm[] {
    const code = codeOf(denial)
    const made: Storm[] = []
    for (const storm of this.#guardrails) {
      if (storm.kind !== "storm" || denial.reason === "denial_storm") continue
      const counts = storm.codes ? storm.codes.includes(code) : !NOT_COUNTED.has(code)
      if (!counts || !isConcerned(storm, call) || !covers(storm.of, call, true)) continue
      for (const key of stormKeys(storm, call)) {
        // While it lasts, nothing makes it longer: it passes with the first.
        if (this.#denials(storm, key, now) > storm.limit) continue
        this.#denied.push({ storm: storm.id, key, at: now })
        if (this.#denials(storm, key, now) > storm.limit) made.push(storm)
      }
    }
    return made
  }

  /** The call has ended. */
  land(id: string): void {
    this.#landed.add(id)
  }

  #objections(guardrail: Guardrail, call: ModelCall, now: number): readonly Objection[] {
    if (isLifecycleTool(call.tool) && !(guardrail.kind === "limit" && guardrail.topic === "window")) return []
    return this.#pasts(guardrail, call).flatMap((past) => {
      const found: Objection[] = []
      if (isConcerned(guardrail, call) && covers(guardrail.of, call, true)) {
        const [verdict, reason] = this.#judge(guardrail, past, call, now)
        if (verdict === "broken") found.push({ guardrail: guardrail.id, because: reason })
        if (verdict === "unreadable") found.push({ guardrail: guardrail.id, because: "unreadable" })
      }
      if (guardrail.kind === "sequence") {
        const heard = new ConditionModel(past).canHear(guardrail.require, this.#next(call, now), false)
        if (!heard) found.push({ guardrail: guardrail.id, because: "unreadable" })
      }
      return found
    })
  }

  /** What the guardrail looks at: all that was admitted, or for each agent of the chain what it had a part in. */
  #pasts(guardrail: Guardrail, { chain }: ModelCall): readonly (readonly Admitted[])[] {
    if (!isOfAgent(guardrail)) return [this.admitted]
    return chain.map((agent) => this.admitted.filter(({ call }) => call.chain.includes(agent)))
  }

  #judge(
    guardrail: Guardrail,
    past: readonly Admitted[],
    call: ModelCall,
    now: number,
  ): readonly [Verdict, Denial["reason"]] {
    switch (guardrail.kind) {
      case "limit":
        return [this.#limit(guardrail, past, call, now), REASON[guardrail.topic]]
      case "sequence": {
        const holds = new ConditionModel(past).holds(guardrail.require, this.#next(call, now), false)
        return [holds === null ? "unreadable" : holds ? "holds" : "broken", "sequence_broken"]
      }
      case "cycle":
        return [this.#cycle(guardrail, past, call, now), "calls_circle"]
      case "storm": {
        const isStorm = stormKeys(guardrail, call).some((key) => this.#denials(guardrail, key, now) > guardrail.limit)
        return [isStorm ? "broken" : "holds", "denial_storm"]
      }
      case "concurrency":
        return [this.#concurrency(guardrail, call, now), "too_many_at_once"]
      default:
        return guardrail satisfies never
    }
  }

  #next(call: ModelCall, at: number): Admitted {
    return { call, at, place: this.admitted.length }
  }

  /** Past calls that the guardrail was about. */
  #counted(guardrail: Guardrail, past: readonly Admitted[] = this.admitted): readonly Admitted[] {
    const isLeft = (call: ModelCall): boolean =>
      isLifecycleTool(call.tool) && !(guardrail.kind === "limit" && guardrail.topic === "window")
    return past.filter(({ call }) => !isLeft(call) && isConcerned(guardrail, call) && covers(guardrail.of, call, true))
  }

  #limit(limit: Limit, all: readonly Admitted[], call: ModelCall, now: number): Verdict {
    const told = limit.measure.kind === "distinct" ? [...limit.per, limit.measure.field] : limit.per
    if (told.some((field) => fieldOf(call, field) === "unasserted")) return "holds"
    const [demand, key] = [demandOf(limit, call), keyOf(call, limit.per)]
    if (isMissing(demand) || isMissing(key)) return "unreadable"
    const past = this.#counted(limit, all).filter(({ call: each }) => {
      const theirs = keyOf(each, limit.per)
      return !isMissing(theirs) && theirs.key === key.key
    })
    if (limit.span.kind === "bucket") return bucket(limit, past, demand, now)
    const inSpan = past.filter(({ at }) => isInSpan(limit, at, now))
    const before = inSpan.map(({ call: each }) => demandOf(limit, each)).filter((each) => !isMissing(each))
    const fits =
      limit.measure.kind === "distinct"
        ? isWithin(
            before.flatMap((each) => (Array.isArray(each) ? each : [])),
            demand,
            limit.limit,
          )
        : [...before, demand].reduce<number>((sum, each) => sum + Number(each), 0) <= limit.limit
    return fits || demand === 0 ? "holds" : "broken"
  }

  #cycle(cycle: Cycle, past: readonly Admitted[], call: ModelCall, now: number): Verdict {
    const all = this.#counted(cycle, past).filter(({ call: each }) => cycle.per !== "task" || each.task === call.task)
    const isPause = ({ at }: Admitted, index: number): boolean =>
      cycle.pause !== undefined && (all[index + 1]?.at ?? now) - at >= cycle.pause * 1000
    const ofIt = all.slice(all.findLastIndex(isPause) + 1)
    const calls = [...ofIt.map(({ call: each }) => each), call].map((each) => keyOf(each, ["call"]))
    const texts = calls.map((each) => (isMissing(each) ? "" : each.key))
    for (let length = 2; length <= cycle.longest; length++) {
      const last = texts.slice(-length * cycle.times)
      const goesRound = last.length === length * cycle.times && last.every((each, at) => each === last[at % length])
      if (goesRound && new Set(last).size > 1) return "broken"
    }
    return "holds"
  }

  #concurrency(concurrency: Concurrency, call: ModelCall, now: number): Verdict {
    const key = keyOf(call, concurrency.per)
    if (isMissing(key)) return "unreadable"
    const inFlight = this.#counted(concurrency).filter(({ call: each, at }) => {
      const theirs = keyOf(each, concurrency.per)
      const until = at + (each.tool?.duration ?? LONGEST_CALL) * 1000
      return !isMissing(theirs) && theirs.key === key.key && until > now && !this.#landed.has(each.id)
    })
    return inFlight.length < concurrency.limit ? "holds" : "broken"
  }

  #denials(storm: Storm, key: string, now: number): number {
    return this.#denied.filter(
      (each) => each.storm === storm.id && each.key === key && each.at > now - storm.seconds * 1000,
    ).length
  }
}

/** What is of less risk is neither refused nor counted. */
function isConcerned({ fromRisk = 0 }: Guardrail, { risk }: ModelCall): boolean {
  return risk >= fromRisk
}

function stormKeys({ per }: Storm, { task, chain }: ModelCall): readonly string[] {
  return per === "agent" ? chain.slice(0, 1) : [per === "task" ? task : ""]
}

function isOfAgent(guardrail: Guardrail): boolean {
  switch (guardrail.kind) {
    case "limit":
    case "sequence":
      return guardrail.history === "agent"
    case "cycle":
      return guardrail.per === "agent"
    // Denied calls are counted by agent where they are counted.
    case "storm":
    case "concurrency":
      return false
    default:
      return guardrail satisfies never
  }
}

/** How much, or which values. */
function demandOf({ measure }: Limit, call: ModelCall): number | readonly string[] | "hidden" | "unasserted" {
  switch (measure.kind) {
    case "calls":
      return 1
    case "cost":
      return call.tool?.cost ?? 0
    case "sum":
      return amountOf(call, measure.field) ?? "hidden"
    case "distinct": {
      const values = membersOf(call, measure.field)
      return values === "absent" ? "hidden" : values
    }
    default:
      return measure satisfies never
  }
}

function isWithin(before: readonly string[], demand: number | readonly string[], limit: number): boolean {
  const added = typeof demand === "number" ? [] : demand
  return new Set([...before, ...added]).size <= limit || added.every((each) => before.includes(each))
}

function isInSpan({ span }: Limit, at: number, now: number): boolean {
  if (span.kind === "life") return true
  const spanMs = span.seconds * 1000
  return span.kind === "sliding" ? at > now - spanMs : Math.floor(at / spanMs) === Math.floor(now / spanMs)
}

/** What is taken out fills up evenly: counted in thousandths of what fills up in a millisecond. */
function bucket(definition: Limit, past: readonly Admitted[], demand: unknown, now: number): Verdict {
  const { span, limit } = definition
  if (span.kind !== "bucket") throw new Error("no bucket")
  const spanMs = span.seconds * 1000
  let [missing, seen] = [0, 0]
  const fillUntil = (time: number): void => {
    missing = Math.max(0, missing - Math.max(0, time - seen) * limit)
    seen = Math.max(seen, time)
  }
  for (const { at, call } of past) {
    fillUntil(at)
    missing += Number(demandOf(definition, call)) * spanMs
  }
  fillUntil(now)
  return demand === 0 || missing + Number(demand) * spanMs <= span.burst * spanMs ? "holds" : "broken"
}
