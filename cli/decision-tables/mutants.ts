/**
 * Rules that are broken on purpose, each in one place: a test that guards the rule fails. They are made of the lowered
 * form. A change that leaves the rule the same in other words is skipped, as far as its form and the registry show
 * that.
 */
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { isNode, type Node } from "../../src/core/policy/cedar/est.ts"
import type { LoweredRule } from "../../src/core/policy/cedar/lowered.ts"
import { readsOf } from "../compiler/rules/context-reads.ts"
import { Equivalence } from "./equivalence.ts"
import { Reach } from "./reach.ts"

export interface Mutant {
  /** `@id` of the rule. */
  readonly rule: string
  readonly what: string
  /** The condition that was changed, counted from 0; null: the rule as a whole, or its scope. */
  readonly condition: number | null
  /** What replaces it; null: nothing. */
  readonly lowered: LoweredRule | null
}

/** @param bundle of `body` */
export function mutantsOf(body: BundleBody, bundle: Bundle): readonly Mutant[] {
  const reach = new Reach(body, bundle)
  const equivalence = new Equivalence(body, bundle)
  return body.rules.flatMap((rule) => {
    const { policy } = rule
    if (!isNode(policy)) return []
    const change = (what: string, changed: Node, condition: number | null = null): Mutant => {
      return { rule: rule.id, what, condition, lowered: relowered(rule, changed) }
    }
    const flipped = policy.effect === "permit" ? "forbid" : "permit"
    const broken = [
      { rule: rule.id, what: "the rule dropped", condition: null, lowered: null },
      change(`${flipped} instead of ${String(policy.effect)}`, { ...policy, effect: flipped }),
      ...PARTS.flatMap((part) => {
        const wider = { ...policy, [part]: { op: "All" } }
        const isNarrow = isNode(policy[part]) && policy[part].op !== "All"
        return isNarrow && reach.differs(policy, wider) ? [change(`any ${part} in its scope`, wider)] : []
      }),
      ...conditionsOf(policy).flatMap((condition, index) =>
        brokenConditions(condition).map(({ what, instead }) => {
          const conditions = conditionsOf(policy).flatMap((one, at) => (at === index ? (instead ?? []) : one))
          return change(what, { ...policy, conditions }, index)
        }),
      ),
    ]
    return broken.filter(({ lowered }) => lowered === null || !equivalence.isSame(rule, lowered))
  })
}

const PARTS = ["principal", "action", "resource"] as const

/** With what the changed rule reads. */
function relowered({ remedy, message, ...rule }: LoweredRule, policy: Node): LoweredRule {
  const { reads, members, facts } = readsOf(policy)
  // A permit has neither.
  const forbids = policy.effect === "forbid"
  const lifted = {
    ...(forbids && remedy !== undefined && { remedy }),
    ...(forbids && message !== undefined && { message }),
  }
  const inner = members.length > 0 && { members }
  return { id: rule.id, policy, reads, ...inner, ...(facts.length > 0 && { facts }), ...lifted }
}

function conditionsOf({ conditions }: Node): readonly Node[] {
  return Array.isArray(conditions) ? conditions.filter(isNode) : []
}

interface Broken {
  readonly what: string
  readonly instead: Node | null
}

function brokenConditions({ kind, body }: Node): readonly Broken[] {
  const [word, other] = kind === "unless" ? ["unless", "when"] : ["when", "unless"]
  return [
    { what: `\`${word}\` dropped`, instead: null },
    { what: `\`${other}\` instead of \`${word}\``, instead: { kind: other, body } },
    ...withoutParts(body).map(({ part, rest }) => {
      return { what: `part ${part} of \`${word}\` dropped`, instead: { kind: word, body: rest } }
    }),
  ]
}

/**
 * Each operand of `a && b && c` and of `a || b`, except one that only tests whether a member exists: it guards the next
 * operand.
 */
function withoutParts(body: unknown): readonly { readonly part: number; readonly rest: unknown }[] {
  const operator = (["&&", "||"] as const).find((each) => isNode(body) && each in body)
  if (!operator) return []
  const parts = operandsOf(body, operator)
  return parts.flatMap((one, index) => {
    const [first, ...others] = parts.toSpliced(index, 1)
    if (isGuard(one)) return []
    const rest = others.reduce((left, right) => ({ [operator]: { left, right } }), first)
    return [{ part: index + 1, rest }]
  })
}

function operandsOf(expression: unknown, operator: "&&" | "||"): readonly unknown[] {
  const pair = isNode(expression) ? expression[operator] : undefined
  if (!isNode(pair)) return [expression]
  return [...operandsOf(pair.left, operator), ...operandsOf(pair.right, operator)]
}

function isGuard(expression: unknown): boolean {
  if (!isNode(expression)) return false
  const negated = expression["!"]
  if (isNode(negated)) return isGuard(negated.arg)
  return ["has", "hasTag", "is"].some((operator) => operator in expression)
}
