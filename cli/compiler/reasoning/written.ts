/** A rule as the lints see it: its text, and where each part of it stands. */
import type { Extent, RuleParts } from "../rules/rule-parts.ts"
import { operandsIn, partsOf } from "../rules/rule-parts.ts"
import type { PlacedRule } from "../rules/lower.ts"
import { spanAt } from "../source/position.ts"
import type { Problem } from "../source/problem.ts"
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { readScope, type Scope } from "../../../src/core/policy/cedar/scope.ts"
import { type Conjunct, conjunctsOf, readsAny } from "./term.ts"

/** `rule`: as a whole, named by its effect. */
export type Part = "rule" | "principal" | "action" | "resource" | Conjunct

export interface ReadRule {
  readonly id: string
  readonly effect: "permit" | "forbid"
  readonly remedy: string | null
  readonly message: string | null
  readonly policy: PlacedRule["rule"]["policy"]
  readonly scope: Scope
  readonly conjuncts: readonly Conjunct[]
  /** Arguments of a call that it reads; `*`: all. */
  readonly reads: readonly string[]
  /** Other members of the context that it reads. */
  readonly facts: readonly string[]
  readonly readsResource: boolean
  /** Whether a problem of the rule is reported already, so that its consequences need not be. */
  readonly isWarned: boolean
  /** File and line, as other messages refer to it. */
  readonly place: string
  warning(part: Part, message: string, fix: string): Problem
  /** As it is written, on one line and truncated. */
  textOf(conjunct: Conjunct): string
}

export function readRule({ rule, from }: PlacedRule, isWarned: boolean): ReadRule {
  const { id, policy, remedy = null, message = null, reads, facts = [] } = rule
  const conjuncts = conjunctsOf(policy)
  const scope = {
    principal: readScope(policy["principal"], id),
    action: readScope(policy["action"], id),
    resource: readScope(policy["resource"], id),
  }
  const effect = policy["effect"] === "permit" ? "permit" : "forbid"
  const readsResource = conjuncts.some(({ expression }) => readsAny(expression, ["resource"]))
  const read = { id, effect, remedy, message, policy, scope, conjuncts, reads, facts, readsResource, isWarned } as const
  if ("link" in from) {
    const at = (message: string, fix: string) => from.links.warning(["links", from.index, "id"], message, fix)
    const { file, line } = at("", "")
    return {
      ...read,
      place: `${file}:${line}`,
      warning: (_part, message, fix) => at(message, fix),
      textOf: () => "a condition of its template",
    }
  }
  const { file, source } = from
  let cachedParts: RuleParts | undefined
  const parts = () => (cachedParts ??= partsOf(source.text))
  const extentOf = (part: Part): Extent => {
    if (typeof part === "string") return parts()[part === "rule" ? "effect" : part]
    const body = parts().conditions[part.condition] ?? parts().effect
    const operands = operandsIn(source.text, body, isUnless(policy, part) ? "||" : "&&")
    const count = conjuncts.filter(({ condition }) => condition === part.condition).length
    return (operands.length === count ? operands[part.operand] : undefined) ?? body
  }
  const placeOf = (part: Part) => {
    const { from, to } = extentOf(part)
    return { file: file.path, ...spanAt(file.text, source.offset + from, source.offset + to) }
  }
  return {
    ...read,
    get place() {
      const { file, line } = placeOf("rule")
      return `${file}:${line}`
    },
    warning: (part, message, fix) => ({ ...placeOf(part), severity: "warning", message, fix }),
    textOf: (conjunct) => {
      const { from, to } = extentOf(conjunct)
      return shortened(source.text.slice(from, to))
    },
  }
}

function isUnless(policy: ReadRule["policy"], { condition }: Conjunct): boolean {
  const conditions = policy["conditions"]
  const one: unknown = Array.isArray(conditions) ? conditions[condition] : undefined
  return isNode(one) && one["kind"] === "unless"
}

const SHOWN = 60

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/gu, " ").trim()
  return line.length > SHOWN ? `${line.slice(0, SHOWN - 1)}…` : line
}
