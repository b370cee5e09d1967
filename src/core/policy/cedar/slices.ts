/**
 * Which rules a decision has to evaluate: those whose scopes match, found by the keys of the scopes (scope.ts), so that
 * the cost of a decision does not grow with the rules for other things. The result is cached for an action and a
 * resource, and within that for a principal.
 */
import type { Rule } from "./compile.ts"
import type { Entity, EntityStore } from "./entities.ts"
import type { FiledRules, StoredShelf } from "./filing.ts"
import { keysWithin } from "./scope.ts"
import type { EntityRef } from "./values/value.ts"

/** The rules that a bundle has filed under one key for the action and one for the resource. */
interface Shelf extends StoredShelf {
  /** Its own place among all shelves. */
  readonly place: number
}

function entryOf<Key, Entry>(map: Map<Key, Entry>, key: Key, make: () => Entry): Entry {
  let entry = map.get(key)
  if (entry === undefined) map.set(key, (entry = make()))
  return entry
}

/** The rules whose action and resource scopes match. */
export class Slice {
  readonly #shelves: readonly Shelf[]
  readonly #ruleAt: (place: number) => Rule
  readonly #spend: (entries: number) => void
  readonly #ofPrincipal = new Map<string, { readonly entity: Entity | undefined; readonly rules: readonly Rule[] }>()
  readonly mayPermit: boolean
  /** Names of the arguments that any of them reads. */
  readonly reads: ReadonlySet<string>
  /** Names of members within arguments that any of them reads. */
  readonly members: ReadonlySet<string>
  /** Other members of the context that any of them reads. */
  readonly facts: ReadonlySet<string>

  constructor(shelves: readonly Shelf[], ruleAt: (place: number) => Rule, spend: (entries: number) => void) {
    this.#shelves = shelves
    this.#ruleAt = ruleAt
    this.#spend = spend
    this.mayPermit = shelves.some((shelf) => shelf.permits)
    this.reads = new Set(shelves.flatMap((shelf) => shelf.reads))
    this.members = new Set(shelves.flatMap((shelf) => shelf.members))
    this.facts = new Set(shelves.flatMap((shelf) => shelf.facts))
  }

  /** Each once, whatever its principal scope. */
  about(): readonly RuleAbout[] {
    const keys = new Map<number, Set<string>>()
    for (const shelf of this.#shelves) {
      for (const [key, places] of Object.entries(shelf.rules)) {
        for (const place of places) entryOf(keys, place, () => new Set<string>()).add(key)
      }
    }
    return Array.from(keys, ([place, principals]) => ({ rule: this.#ruleAt(place), principals: [...principals] }))
  }

  /** Those whose principal scope matches too, each once. */
  rulesFor(principal: EntityRef, entities: EntityStore): readonly Rule[] {
    const entity = entities.get(principal.key)
    const cached = this.#ofPrincipal.get(principal.key)
    // The result holds for the same entity object only: memberships may differ in another.
    if (cached !== undefined && cached.entity === entity) return cached.rules
    const found = new Set<number>()
    const keys = keysWithin(principal, entities)
    for (const shelf of this.#shelves) {
      for (const key of keys) for (const place of shelf.rules[key] ?? []) found.add(place)
    }
    const rules = Array.from(found, this.#ruleAt)
    this.#ofPrincipal.set(principal.key, { entity, rules })
    this.#spend(1 + rules.length)
    return rules
  }
}

/** A rule whose action and resource scopes match, with the keys of its principal scope (scope.ts). */
export interface RuleAbout {
  readonly rule: Rule
  readonly principals: readonly string[]
}

/** Some 30 MB. A caller that may request any resource must not fill the memory of an isolate, which has 128 MB. */
const MAX_ENTRIES = 1_000_000
/** What an entry of a map with its object takes, in entries of a list. */
const SLICE_ENTRIES = 20

interface Remembered {
  readonly slice: Slice
  readonly action: Entity | undefined
  readonly resource: Entity | undefined
}

export type FindSlice = (action: EntityRef, resource: EntityRef, entities: EntityStore) => Slice

export function slicer({ actions, shelves }: FiledRules, ruleAt: (place: number) => Rule): FindSlice {
  const remembered = new Map<string, Map<string, Remembered>>()
  /** Most tools have no rule of their own, and share one slice. */
  const byShelves = new Map<string, Slice>()
  const byPlace = new Map<number, Shelf>()
  let left = MAX_ENTRIES
  const spend = (entries: number) => {
    left -= entries
    if (left > 0) return
    remembered.clear()
    byShelves.clear()
    left = MAX_ENTRIES
  }
  const shelfAt = (place: number) => entryOf(byPlace, place, () => ({ ...shelves.at(place), place }))
  /** Actions and their groups are few, and most of their keys have nothing filed. */
  const byAction = new Map<string, Readonly<Record<string, number>>>()
  const filedUnder = (action: string) => entryOf(byAction, action, () => actions.get(action) ?? {})
  const shelvesWithin = (actionKeys: readonly string[], resourceKeys: readonly string[]) =>
    actionKeys.flatMap((action) => {
      const filed = filedUnder(action)
      return resourceKeys.flatMap((resource) => {
        const place = filed[resource]
        return place === undefined ? [] : shelfAt(place)
      })
    })
  return (action, resource, entities) => {
    const actionEntity = entities.get(action.key)
    const resourceEntity = entities.get(resource.key)
    const cached = remembered.get(action.key)?.get(resource.key)
    if (cached !== undefined && cached.action === actionEntity && cached.resource === resourceEntity)
      return cached.slice
    const found = shelvesWithin(keysWithin(action, entities), keysWithin(resource, entities))
    const slice = entryOf(byShelves, found.map(({ place }) => place).join(), () => new Slice(found, ruleAt, spend))
    const ofAction = entryOf(remembered, action.key, () => new Map<string, Remembered>())
    ofAction.set(resource.key, { slice, action: actionEntity, resource: resourceEntity })
    spend(SLICE_ENTRIES)
    return slice
  }
}
