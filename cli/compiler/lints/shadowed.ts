/** Which rules change nothing because of another rule: found by the keys of their scopes. */
import { coversScope, isImplied, leads, widerThan, type Wider } from "../reasoning/cover.ts"
import type { ReadRule } from "../reasoning/written.ts"
import type { Subject } from "./lint.ts"

export interface Shadowed {
  readonly rule: ReadRule
  /** Without `rule`, this rule decides as both do. */
  readonly by: ReadRule
  /** `same`: both are equal. `wider`: `by` covers more. `forbidden`: `by` forbids all that `rule` permits. */
  readonly how: "same" | "wider" | "forbidden"
}

const FOUND = new WeakMap<Subject, readonly Shadowed[]>()

export function shadowedIn(subject: Subject): readonly Shadowed[] {
  const shadowed = FOUND.get(subject) ?? search(subject)
  FOUND.set(subject, shadowed)
  return shadowed
}

interface Candidate {
  readonly rule: ReadRule
  readonly wider: Wider
  readonly order: number
}

function search({ rules, questions }: Subject): readonly Shadowed[] {
  const candidates = rules.all
    .filter((rule) => rules.verdict(rule).kind === "may apply")
    .map((rule, order): Candidate => ({ rule, wider: widerThan(rule.policy, questions.store), order }))
  const byScope = Map.groupBy(candidates, ({ rule: { scope } }) => `${scope.principal.join()} ${scope.resource.join()}`)
  return candidates.flatMap((one) => {
    const { principal: principals, resource: resources } = one.wider
    const around = principals.flatMap((principal) =>
      resources.flatMap((resource) => byScope.get(`${principal} ${resource}`) ?? []),
    )
    const found = around.flatMap((other): Shadowed[] => {
      const how = other === one ? null : relationOf(one, other)
      return how ? [{ rule: one.rule, by: other.rule, how }] : []
    })
    return found.toSorted((a, b) => RANK.indexOf(a.how) - RANK.indexOf(b.how)).slice(0, 1)
  })
}

/** Of several, the one that says most. */
const RANK: readonly Shadowed["how"][] = ["forbidden", "same", "wider"]

function relationOf(one: Candidate, other: Candidate): Shadowed["how"] | null {
  if (!coversScope(other.rule.scope, one.wider)) return null
  if (other.rule.effect === "forbid" && one.rule.effect === "permit") {
    return isImplied(other.rule.conjuncts, one.rule.conjuncts) ? "forbidden" : null
  }
  if (!decidesFor(one.rule, other.rule)) return null
  const isMutual = coversScope(one.rule.scope, other.wider) && decidesFor(other.rule, one.rule)
  if (!isMutual) return "wider"
  // Of two equal rules, the one that was there first stays.
  return other.order < one.order ? "same" : null
}

/** Whether `by` decides in every request in which `rule` does, within the scope of both. */
function decidesFor(rule: ReadRule, by: ReadRule): boolean {
  if (rule.effect !== by.effect) return false
  if (rule.effect === "permit") return isImplied(by.conjuncts, rule.conjuncts)
  // A denial that a remedy lifts differs from one that nothing lifts.
  if (!leads(by.conjuncts, rule.conjuncts) || (by.remedy !== null && by.remedy !== rule.remedy)) return false
  // Without the rule, the agent would no longer get what it says.
  return rule.message === null || rule.message === by.message
}
