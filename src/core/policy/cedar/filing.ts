/**
 * Rules as a bundle stores them: filed at build time under the keys of their scopes (scope.ts), each rule a line that
 * is read when a decision first needs it. So the work of a cold isolate for a decision grows with the rules that apply
 * to it, not with their total number.
 */
import { Rule } from "./compile.ts"
import { readNode } from "./est.ts"
import type { LoweredRule } from "./lowered.ts"
import { parseRemedy } from "./remedy.ts"
import type { Scope } from "./scope.ts"
import { Table, writeTable, type WrittenTable } from "../../encoding/sorted-table.ts"

/** The rules of one key for the action and one for the resource. */
export interface StoredShelf {
  /** Whether any of them is a permit. */
  readonly permits: boolean
  /** Names of the arguments that any of them reads. */
  readonly reads: readonly string[]
  /** Names of members within arguments that any of them reads (LoweredRule.members). */
  readonly members: readonly string[]
  /** Other members of the context that any of them reads (LoweredRule.facts). */
  readonly facts: readonly string[]
  /** Their places in the table of rules, by the keys of their principals. */
  readonly rules: Readonly<Record<string, readonly number[]>>
}

export interface FiledRules {
  /** By `@id`; without their scopes, except those that require an approval. */
  readonly rules: Table<LoweredRule>
  readonly shelves: Table<StoredShelf>
  /** By the key of an action: the places of its shelves, by the key of a resource. */
  readonly actions: Table<Readonly<Record<string, number>>>
}

export type WrittenRules = Readonly<Record<keyof FiledRules, string>>

/**
 * A rule that names several groups of actions is filed once for each. Throws on a duplicate id, and UnsupportedOperator
 * (est.ts) for an unknown effect or scope.
 */
export function writeRules(lowered: readonly LoweredRule[], write: (value: unknown) => string): WrittenRules {
  const rules = writeTable(
    "rule",
    lowered,
    ({ id }) => id,
    (rule) => write(unscoped(rule)),
  )
  const filed = file(
    lowered.map((rule) => new Rule(rule)),
    rules,
  )
  const shelves = writeTable(
    "shelf",
    filed,
    ({ name }) => name,
    ({ shelf }) => write(shelf),
  )
  const placesOf = Map.groupBy(filed, ({ action }) => action)
  const actions = writeTable(
    "action",
    [...placesOf],
    ([action]) => action,
    ([, ofAction]) =>
      write(Object.fromEntries(ofAction.map(({ resource, name }) => [resource, shelves.places.get(name)]))),
  )
  return { rules: rules.text, shelves: shelves.text, actions: actions.text }
}

/**
 * The place where a rule is filed contains its scope, which is half of its text. A rule that requires an approval is
 * shown to the approvers, so it stays whole.
 */
function unscoped(rule: LoweredRule): LoweredRule {
  if (parseRemedy(rule.remedy ?? "")?.kind === "approval") return rule
  const { effect, conditions } = readNode(rule.policy, rule.id, "policy")
  return { ...rule, policy: { effect, conditions } }
}

interface FiledShelf {
  readonly name: string
  readonly action: string
  readonly resource: string
  readonly shelf: StoredShelf
}

interface Filed {
  readonly rule: Rule
  readonly principal: readonly string[]
}

function file(rules: readonly Rule[], { places }: WrittenTable): readonly FiledShelf[] {
  const scopes = rules.flatMap((rule) => {
    const { principal, action: actions, resource: resources } = rule.scope
    return actions.flatMap((action) => resources.map((resource) => ({ rule, principal, action, resource })))
  })
  const byScope = Map.groupBy(scopes, ({ action, resource }) => JSON.stringify([action, resource]))
  return [...byScope.values()].flatMap((filed, number) => {
    const [first] = filed
    if (!first) return []
    const { action, resource } = first
    return [{ name: String(number), action, resource, shelf: shelve(filed, places) }]
  })
}

function shelve(filed: readonly Filed[], places: ReadonlyMap<string, number>): StoredShelf {
  const placed = filed.flatMap(({ rule, principal: principals }) =>
    principals.map((principal) => ({ principal, place: places.get(rule.lowered.id) })),
  )
  const byPrincipal = Map.groupBy(placed, ({ principal }) => principal)
  return {
    permits: filed.some(({ rule }) => rule.effect === "permit"),
    reads: [...new Set(filed.flatMap(({ rule }) => rule.lowered.reads))],
    members: [...new Set(filed.flatMap(({ rule }) => rule.lowered.members ?? []))],
    facts: [...new Set(filed.flatMap(({ rule }) => rule.lowered.facts ?? []))],
    rules: Object.fromEntries(
      [...byPrincipal].map(([principal, rules]) => [principal, rules.flatMap(({ place }) => place ?? [])]),
    ),
  }
}

/** The scope of each rule by its place, restored from the filing: for explanations, not for decisions. */
export function scopesOf({ shelves, actions }: FiledRules): ReadonlyMap<number, Scope> {
  const found = new Map<number, Record<keyof Scope, Set<string>>>()
  for (const [action, byResource] of actions.entries()) {
    for (const [resource, shelf] of Object.entries(byResource)) {
      for (const [principal, places] of Object.entries(shelves.at(shelf).rules)) {
        for (const place of places) {
          const scope = found.get(place) ?? { principal: new Set(), action: new Set(), resource: new Set() }
          found.set(place, scope)
          scope.principal.add(principal)
          scope.action.add(action)
          scope.resource.add(resource)
        }
      }
    }
  }
  const lists = Array.from(found, ([place, { principal, action, resource }]): [number, Scope] => {
    return [place, { principal: [...principal], action: [...action], resource: [...resource] }]
  })
  return new Map(lists)
}

/** As a bundle with no other parts would contain them. */
export function filedRules(lowered: readonly LoweredRule[]): FiledRules {
  const { rules, shelves, actions } = writeRules(lowered, JSON.stringify)
  return {
    rules: new Table(sectionOf(rules)),
    shelves: new Table(sectionOf(shelves)),
    actions: new Table(sectionOf(actions)),
  }
}

const sectionOf = (text: string) => ({ text, from: 0, to: text.length })
