/**
 * Which rules a decision has to look at: those whose scopes match, found by the keys of the scopes (scope.ts), so that the
 * cost of a decision does not grow with the rules that are about something else. What was found is remembered: for an
 * action and a resource, and within that for a principal.
 */
import type { Rule } from "./compile.ts"
import type { Entity, EntityStore } from "./entities.ts"
import { keysWithin } from "./scope.ts"
import type { EntityRef } from "./value.ts"

/**
 * The rules of one key for the action and one for the resource. A cold isolate files every rule, but is asked about few
 * shelves: all that can wait until then, waits.
 */
class Shelf {
  readonly number: number
  readonly rules: Rule[] = []
  #byPrincipal: ReadonlyMap<string, readonly Rule[]> | undefined
  #permits: boolean | undefined
  #reads: ReadonlySet<string> | undefined

  constructor(number: number) {
    this.number = number
  }

  /** By the keys of their principals. */
  get byPrincipal(): ReadonlyMap<string, readonly Rule[]> {
    this.#byPrincipal ??= filedBy(this.rules, (rule) => rule.principal)
    return this.#byPrincipal
  }

  get permits(): boolean {
    this.#permits ??= this.rules.some((rule) => rule.effect === "permit")
    return this.#permits
  }

  get reads(): ReadonlySet<string> {
    this.#reads ??= new Set(this.rules.flatMap((rule) => rule.lowered.reads))
    return this.#reads
  }

  get facts(): readonly string[] {
    return this.rules.flatMap((rule) => rule.lowered.facts ?? [])
  }
}

function filedBy(rules: readonly Rule[], keysOf: (rule: Rule) => readonly string[]): Map<string, Rule[]> {
  const filed = new Map<string, Rule[]>()
  for (const rule of rules) for (const key of keysOf(rule)) entryOf(filed, key, () => []).push(rule)
  return filed
}

type Shelves = ReadonlyMap<string, ReadonlyMap<string, Shelf>>

/** By action, then resource. A rule that names several groups of actions is filed once for each. */
function file(rules: readonly Rule[]): Shelves {
  const byAction = new Map<string, Map<string, Shelf>>()
  let number = 0
  const emptyMap = () => new Map<string, Shelf>()
  const emptyShelf = () => new Shelf(number++)
  for (const rule of rules) {
    const { action: actions, resource: resources } = rule
    for (const action of actions) {
      const byResource = entryOf(byAction, action, emptyMap)
      for (const resource of resources) entryOf(byResource, resource, emptyShelf).rules.push(rule)
    }
  }
  return byAction
}

function entryOf<Key, Entry>(map: Map<Key, Entry>, key: Key, make: () => Entry): Entry {
  let entry = map.get(key)
  if (entry === undefined) map.set(key, (entry = make()))
  return entry
}

/** The rules whose action and resource scopes match. */
export class Slice {
  readonly #shelves: readonly Shelf[]
  readonly #spend: (entries: number) => void
  readonly #ofPrincipal = new Map<string, { readonly entity: Entity | undefined; readonly rules: readonly Rule[] }>()
  readonly mayPermit: boolean
  /** Names of the arguments that any of them reads. */
  readonly reads: ReadonlySet<string>
  #facts: ReadonlySet<string> | undefined

  constructor(shelves: readonly Shelf[], spend: (entries: number) => void) {
    this.#shelves = shelves
    this.#spend = spend
    this.mayPermit = shelves.some((shelf) => shelf.permits)
    this.reads = new Set(shelves.flatMap((shelf) => [...shelf.reads]))
  }

  /** Other members of the context that any of them reads. */
  get facts(): ReadonlySet<string> {
    this.#facts ??= new Set(this.#shelves.flatMap((shelf) => shelf.facts))
    return this.#facts
  }

  /** Those whose principal scope matches too, each once. */
  rulesFor(principal: EntityRef, entities: EntityStore): readonly Rule[] {
    const entity = entities.get(principal.key)
    const known = this.#ofPrincipal.get(principal.key)
    // Scopes match for the same entity object only: memberships may differ in another.
    if (known !== undefined && known.entity === entity) return known.rules
    const found = new Set<Rule>()
    const keys = keysWithin(principal, entities)
    for (const { byPrincipal } of this.#shelves) {
      for (const key of keys) for (const rule of byPrincipal.get(key) ?? []) found.add(rule)
    }
    const rules = [...found]
    this.#ofPrincipal.set(principal.key, { entity, rules })
    this.#spend(1 + rules.length)
    return rules
  }
}

/** Some 30 MB. A caller who may ask for any resource must not fill the memory of an isolate, which has 128 MB. */
const MAX_ENTRIES = 1_000_000
/** What an entry of a map with its object takes, in entries of a list. */
const SLICE_ENTRIES = 20

interface Remembered {
  readonly slice: Slice
  readonly action: Entity | undefined
  readonly resource: Entity | undefined
}

export type FindSlice = (action: EntityRef, resource: EntityRef, entities: EntityStore) => Slice

export function slicer(rules: readonly Rule[]): FindSlice {
  const shelves = file(rules)
  const remembered = new Map<string, Map<string, Remembered>>()
  /** Most tools have no rule of their own, and share one slice. */
  const byShelves = new Map<string, Slice>()
  let left = MAX_ENTRIES
  const spend = (entries: number) => {
    left -= entries
    if (left > 0) return
    remembered.clear()
    byShelves.clear()
    left = MAX_ENTRIES
  }
  return (action, resource, entities) => {
    const actionEntity = entities.get(action.key)
    const resourceEntity = entities.get(resource.key)
    const known = remembered.get(action.key)?.get(resource.key)
    if (known !== undefined && known.action === actionEntity && known.resource === resourceEntity) return known.slice
    const found = shelvesWithin(shelves, keysWithin(action, entities), keysWithin(resource, entities))
    const slice = entryOf(byShelves, found.map(({ number }) => number).join(), () => new Slice(found, spend))
    const ofAction = entryOf(remembered, action.key, () => new Map<string, Remembered>())
    ofAction.set(resource.key, { slice, action: actionEntity, resource: resourceEntity })
    spend(SLICE_ENTRIES)
    return slice
  }
}

function shelvesWithin(shelves: Shelves, actions: readonly string[], resources: readonly string[]): readonly Shelf[] {
  return actions.flatMap((action) => {
    const byResource = shelves.get(action)
    return byResource === undefined ? [] : resources.flatMap((resource) => byResource.get(resource) ?? [])
  })
}
