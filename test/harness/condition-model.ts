/**
 * What conditions on the past mean, written anew and simply: each walks the list of all that was admitted. Where
 * something cannot be known of a call, `null`; which way that errs hangs on whether more such calls would make the
 * sequence deny (`forbids`).
 */
import type { Condition, Pattern, Threshold } from "../../src/core/guardrails/condition.ts"
import { amountOf, covers, isLifecycleTool, isMissing, keyOf, membersOf, type ModelCall } from "./call-model.ts"

/** Admitted at that time, milliseconds, as the one that comes at this place in the list. */
export interface Admitted {
  readonly call: ModelCall
  readonly at: number
  readonly place: number
}

type Answer = boolean | null

export class ConditionModel {
  readonly #past: readonly Admitted[]

  constructor(past: readonly Admitted[]) {
    this.#past = past
  }

  holds(condition: Condition, now: Admitted, forbids: boolean): Answer {
    switch (condition.kind) {
      case "all": {
        const answers = new Set(condition.of.map((each) => this.holds(each, now, forbids)))
        return answers.has(false) ? false : answers.has(null) ? null : true
      }
      case "any": {
        const answers = new Set(condition.of.map((each) => this.holds(each, now, forbids)))
        return answers.has(true) ? true : answers.has(null) ? null : false
      }
      case "not": {
        const answer = this.holds(condition.of, now, !forbids)
        return answer === null ? null : !answer
      }
      case "formerly": {
        const such = this.#such(condition.event, now, forbids)
        return such && such.some(({ at }) => at > now.at - condition.seconds * 1000)
      }
      case "previous": {
        const such = this.#such(condition.event, now, forbids)
        const isOfIt = ({ call }: Admitted): boolean => condition.in === "tree" || call.task === now.call.task
        const last = this.#before(now).findLast(isOfIt)
        return such && last !== undefined && such.includes(last) && last.at > now.at - condition.seconds * 1000
      }
      case "since": {
        const such = this.#such(condition.event, now, forbids)
        const undoing = this.#such(condition.undoneBy, now, !forbids)
        if (!such || !undoing) return null
        const last = such.at(-1)
        if (!last || last.at <= now.at - condition.seconds * 1000) return false
        return undoing.every(({ place }) => place <= last.place)
      }
      case "count":
      case "sum":
      case "distinct":
        return this.#adds(condition, now, forbids)
      default:
        return condition satisfies never
    }
  }

  #adds(
    condition: Extract<Condition, { readonly kind: "count" | "sum" | "distinct" }>,
    now: Admitted,
    forbids: boolean,
  ): Answer {
    const direction = directionOf(condition.is, forbids)
    const such = this.#such(condition.event, now, direction)
    const own = this.#isSuch(condition.event, now, now, direction)
    if (!such || own === null) return null
    const counted = such.filter(({ at }) => at > now.at - condition.seconds * 1000)
    if (own) counted.push(now)
    let total = counted.length
    if (condition.kind === "sum") {
      const amounts = counted.map(({ call }) => amountOf(call, condition.field))
      if (own && amounts.at(-1) === null) return null
      total = amounts.reduce<number>((sum, amount) => sum + (amount ?? 0), 0)
    }
    if (condition.kind === "distinct") {
      const values = counted.map(({ call }) => membersOf(call, condition.field))
      if (own && isMissing(values.at(-1))) return null
      total = new Set(values.flatMap((each) => (isMissing(each) ? [] : each))).size
    }
    return "atLeast" in condition.is ? total >= condition.is.atLeast : total <= condition.is.atMost
  }

  /** Calls before this one that are such for it; null: it does not have what would tell. */
  #such(pattern: Pattern, now: Admitted, forbids: boolean): readonly Admitted[] | null {
    const present = keyOf(
      now.call,
      pattern.where.map((tie) => tie.present),
    )
    if (isMissing(present)) return null
    return this.#before(now).filter((past) => this.#isSuch(pattern, past, now, forbids) === true)
  }

  #before({ place }: Admitted): readonly Admitted[] {
    return this.#past.filter((each) => each.place < place && !isLifecycleTool(each.call.tool))
  }

  #isSuch(pattern: Pattern, past: Admitted, now: Admitted, forbids: boolean): Answer {
    const told = this.#told(pattern, past, forbids)
    if (typeof told !== "object" || told === null) return told
    const present = keyOf(
      now.call,
      pattern.where.map((tie) => tie.present),
    )
    return !isMissing(present) && present.key === told.key
  }

  /** What ties it to other calls, where it is such as the pattern says; false: it is none; null: that is unknown. */
  #told(pattern: Pattern, past: Admitted, forbids: boolean): { readonly key: string } | false | null {
    if (!covers(pattern, past.call, forbids)) return false
    const when = pattern.when ? this.holds(pattern.when, past, forbids) : true
    if (when === false) return false
    if (when === null) return forbids ? null : false
    const key = keyOf(
      past.call,
      pattern.where.map((tie) => tie.past),
    )
    if (!isMissing(key)) return key
    return forbids && key === "hidden" ? null : false
  }

  /** Whether a call can be kept in mind: of one that cannot, later calls would not know what it was. */
  canHear(condition: Condition, now: Admitted, forbids: boolean): boolean {
    switch (condition.kind) {
      case "all":
      case "any":
        return condition.of.every((each) => this.canHear(each, now, forbids))
      case "not":
        return this.canHear(condition.of, now, !forbids)
      case "formerly":
      case "previous":
        return this.#canTell(condition.event, now, forbids)
      case "since":
        return this.#canTell(condition.event, now, forbids) && this.#canTell(condition.undoneBy, now, !forbids)
      case "count":
        return this.#canTell(condition.event, now, directionOf(condition.is, forbids))
      case "sum": {
        const direction = directionOf(condition.is, forbids)
        if (!this.#canTell(condition.event, now, direction)) return false
        return !this.#told(condition.event, now, direction) || amountOf(now.call, condition.field) !== null
      }
      case "distinct": {
        const direction = directionOf(condition.is, forbids)
        if (!this.#canTell(condition.event, now, direction)) return false
        if (!direction || !this.#told(condition.event, now, direction)) return true
        const values = membersOf(now.call, condition.field)
        return !isMissing(values) || values === "unasserted"
      }
      default:
        return condition satisfies never
    }
  }

  #canTell(pattern: Pattern, now: Admitted, forbids: boolean): boolean {
    if (pattern.when && !this.canHear(pattern.when, now, forbids)) return false
    return this.#told(pattern, now, forbids) !== null
  }
}

/** To be at most so much is harder with more. */
function directionOf(is: Threshold, forbids: boolean): boolean {
  return "atLeast" in is ? forbids : !forbids
}
