/** When each part of a bundle was last used, according to decision records. */
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import { isNode } from "../../src/core/policy/cedar/est.ts"
import { readScope } from "../../src/core/policy/cedar/scope.ts"
import { within } from "../../src/core/task/narrow.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { hasHappened } from "../records/happened.ts"
import type { ShownRecord } from "../remote/decision-record.ts"

export const KINDS = ["agent", "purpose", "tool", "permit", "forbid", "guardrail", "scope"] as const
export type UsedKind = (typeof KINDS)[number]

export interface LastUse {
  readonly kind: UsedKind
  readonly name: string
  /** How often the records show it. */
  readonly uses: number
  /** Milliseconds since the epoch. Null: the records do not show it. */
  readonly last: number | null
  /** Milliseconds since the epoch: since when it has been there. Null: not known. */
  readonly since: number | null
}

interface Counted {
  uses: number
  last: number
}

export class UseCounter {
  records = 0
  from = Number.POSITIVE_INFINITY
  to = 0
  readonly #counted = new Map<string, Counted>()

  add(record: ShownRecord): void {
    const { at, kind, chain, purpose, tool, rules, denial, guardrails } = record
    if (kind === "management") return
    this.records += 1
    this.from = Math.min(this.from, at)
    this.to = Math.max(this.to, at)
    const broken = denial && (denial["window"] ?? denial["budget"] ?? denial["guardrail"])
    if (typeof broken === "string") this.#count("guardrail", broken, at)
    for (const { guardrail, holds } of guardrails)
      if (!holds && guardrail !== broken) this.#count("guardrail", guardrail, at)
    for (const rule of rules) this.#count("rule", rule, at)
    const isUse = record.decision === "allow" || (kind === "call" && hasHappened(record))
    if (!isUse) return
    for (const agent of new Set(chain)) {
      this.#count("agent", agent, at)
      if (kind === "call" && tool !== null) this.#count("scope", scopeName(agent, tool), at)
    }
    if (purpose !== null) this.#count("purpose", purpose, at)
    if (kind === "call" && tool !== null) this.#count("tool", tool, at)
  }

  /** Of each part of the bundle, in the order of kinds and names. */
  of(body: BundleBody): readonly LastUse[] {
    const row = (kind: UsedKind, name: string, counted: string = kind): LastUse => {
      const { uses, last } = this.#counted.get(`${counted} ${name}`) ?? { uses: 0, last: null }
      return { kind, name, uses, last, since: null }
    }
    const tools = body.tools.filter((tool) => !isLifecycle(tool))
    const rules = body.rules
      .filter(({ id, policy }) => !isOfManagement(policy, id))
      .map((rule) => row(effectOf(rule.policy), rule.id, "rule"))
    const scopes = body.agents.flatMap(({ id, ceiling }) =>
      tools.filter(within(ceiling)).map(({ name }) => row("scope", scopeName(id, name))),
    )
    return [
      ...body.agents.map(({ id }) => row("agent", id)),
      ...body.purposes.map(({ name }) => row("purpose", name)),
      ...tools.map(({ name }) => row("tool", name)),
      ...rules,
      ...body.guardrails.map(({ id }) => row("guardrail", id)),
      ...scopes,
    ].toSorted((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || (a.name < b.name ? -1 : 1))
  }

  #count(kind: string, name: string, at: number): void {
    const key = `${kind} ${name}`
    const counted = this.#counted.get(key)
    if (!counted) this.#counted.set(key, { uses: 1, last: at })
    else {
      counted.uses += 1
      counted.last = Math.max(counted.last, at)
    }
  }
}

export const scopeName = (agent: string, tool: string): string => `${agent} ${tool}`

function effectOf(policy: unknown): "permit" | "forbid" {
  return typeof policy === "object" && policy !== null && "effect" in policy && policy.effect === "forbid"
    ? "forbid"
    : "permit"
}

/** Rules on what operators may do: records of calls say nothing of them. */
function isOfManagement(policy: unknown, rule: string): boolean {
  const action = isNode(policy) ? readScope(policy["action"], rule) : []
  return action.length > 0 && action.every((key) => key.endsWith('Action::"manage"'))
}

/** @param bundles with the time since which each decided, the newest first: a part is as old as the oldest in a row with it */
export function withAge(
  all: readonly LastUse[],
  bundles: readonly { readonly at: number; readonly bundle: Bundle }[],
): readonly LastUse[] {
  return all.map((one) => {
    const end = bundles.findIndex(({ bundle }) => !isIn(bundle, one))
    const oldest = (end < 0 ? bundles : bundles.slice(0, end)).at(-1)
    return { ...one, since: oldest?.at ?? null }
  })
}

function isIn(bundle: Bundle, { kind, name }: LastUse): boolean {
  switch (kind) {
    case "agent":
      return bundle.agents.get(name) !== undefined
    case "purpose":
      return bundle.purposes.has(name)
    case "tool":
      return bundle.catalog.tools.get(name) !== undefined
    case "permit":
    case "forbid":
      return bundle.engine.rule(name) !== undefined
    case "guardrail":
      return bundle.guardrails.definitions.some(({ id }) => id === name)
    case "scope": {
      const space = name.lastIndexOf(" ")
      const [agent, tool] = [bundle.agents.get(name.slice(0, space)), bundle.catalog.tools.get(name.slice(space + 1))]
      return agent !== undefined && tool !== undefined && within(agent.ceiling)(tool)
    }
    default:
      return kind satisfies never
  }
}
