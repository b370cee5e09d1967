/**
 * The entities that rules look at: attributes, tags and, worked out once, everything each is a member of.
 * A store is asked by key and never changes; a request's own entities are laid over the bundle's with `overlay`.
 */
import type { EntityUid, StoredEntity } from "./lowered.ts"
import { fromCedarJson } from "./cedar-json.ts"
import { type CedarRecord, type EntityRef, type Value, entity, record } from "./value.ts"

export interface Entity {
  readonly ref: EntityRef
  readonly attrs: CedarRecord
  /** Attributes whose names the schema does not fix (Cedar RFC 82). */
  readonly tags: CedarRecord
  /** Keys of all that it is a member of, directly or not; not its own. */
  readonly ancestors: ReadonlySet<string>
}

export interface EntityStore {
  get(key: string): Entity | undefined
}

/** Throws on a cycle, an entity given twice, attributes or tags that are no Cedar values. */
export function entityStore(stored: readonly StoredEntity[]): EntityStore {
  const byKey = new Map<string, StoredEntity>()
  for (const one of stored) {
    const key = keyOf(one.uid)
    if (byKey.has(key)) throw new Error(`entity ${key} is stored twice`)
    byKey.set(key, one)
  }
  const ancestors = new Map<string, ReadonlySet<string>>()
  for (const key of byKey.keys()) closeOver(key, byKey, ancestors, new Set())
  const entities = new Map<string, Entity>()
  for (const [key, one] of byKey) {
    entities.set(key, {
      ref: entity(one.uid.type, one.uid.id),
      attrs: readValues("attribute", key, one.attrs),
      tags: readValues("tag", key, one.tags ?? {}),
      ancestors: ancestors.get(key) ?? new Set(),
    })
  }
  return entities
}

/** An entity made for one request: a member of `parents` and of all that they are members of in `base`. */
export function memberOf(parents: readonly EntityRef[], ref: EntityRef, attrs: CedarRecord, base: EntityStore): Entity {
  const ancestors = new Set<string>()
  for (const parent of parents) {
    ancestors.add(parent.key)
    for (const key of base.get(parent.key)?.ancestors ?? []) ancestors.add(key)
  }
  if (ancestors.has(ref.key)) throw new Error(`entity ${ref.key} would be a member of itself`)
  return { ref, attrs, tags: NO_TAGS, ancestors }
}

/** `entities` win over those of `base` of the same key. What `base` worked out for others stays as it is. */
export function overlay(base: EntityStore, entities: readonly Entity[]): EntityStore {
  const over = new Map<string, Entity>()
  for (const one of entities) over.set(one.ref.key, one)
  return { get: (key) => over.get(key) ?? base.get(key) }
}

/** A parent that is not stored is an ancestor all the same, with none of its own (as in the official engine). */
function closeOver(
  key: string,
  stored: ReadonlyMap<string, StoredEntity>,
  done: Map<string, ReadonlySet<string>>,
  path: Set<string>,
): ReadonlySet<string> {
  const known = done.get(key)
  if (known !== undefined) return known
  if (path.has(key)) throw new Error(`entity ${key} is a member of itself`)
  path.add(key)
  const ancestors = new Set<string>()
  for (const parent of stored.get(key)?.parents ?? []) {
    const parentKey = keyOf(parent)
    ancestors.add(parentKey)
    for (const above of closeOver(parentKey, stored, done, path)) ancestors.add(above)
  }
  path.delete(key)
  done.set(key, ancestors)
  return ancestors
}

function keyOf(uid: EntityUid): string {
  return entity(uid.type, uid.id).key
}

const NO_TAGS: CedarRecord = new Map()

function readValues(what: string, key: string, values: StoredEntity["attrs"]): CedarRecord {
  const entries: [string, Value][] = []
  for (const [name, json] of Object.entries(values)) {
    const value = fromCedarJson(json)
    if (value === undefined) throw new Error(`${what} ${JSON.stringify(name)} of entity ${key} is no Cedar value`)
    entries.push([name, value])
  }
  return record(entries)
}
