/**
 * The entities that rules read: attributes, tags and, computed once, everything each is a member of. A store is read by
 * key and never changes; `overlay` puts a request's own entities over the bundle's.
 */
import type { EntityUid, StoredEntity } from "./lowered.ts"
import { fromCedarJson } from "./values/cedar-json.ts"
import { type CedarRecord, type EntityRef, type Value, entity, record } from "./values/value.ts"

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

/** All of them at once. Throws on a cycle, a duplicate entity, or attributes or tags that are no Cedar values. */
export function entityStore(stored: readonly StoredEntity[]): EntityStore {
  const byKey = new Map<string, StoredEntity>()
  for (const one of stored) {
    const key = keyOf(one.uid)
    if (byKey.has(key)) throw new Error(`entity ${key} is stored twice`)
    byKey.set(key, one)
  }
  const entities = new Map<string, Entity>()
  const read = entityReader((key) => byKey.get(key))
  for (const [key, one] of byKey) entities.set(key, read(key, one))
  return entities
}

/** Each when first requested. Then it throws as `entityStore` does; a build has requested all. */
export function readStore(find: (key: string) => StoredEntity | undefined): EntityStore {
  const entities = new Map<string, Entity>()
  const read = entityReader(find)
  return {
    get: (key) => {
      const readEntity = entities.get(key)
      if (readEntity !== undefined) return readEntity
      const stored = find(key)
      if (stored === undefined) return undefined
      const one = read(key, stored)
      entities.set(key, one)
      return one
    },
  }
}

function entityReader(find: (key: string) => StoredEntity | undefined): (key: string, one: StoredEntity) => Entity {
  const ancestors = new Map<string, ReadonlySet<string>>()
  return (key, one) => ({
    ref: entity(one.uid.type, one.uid.id),
    attrs: readValues("attribute", key, one.attrs),
    tags: readValues("tag", key, one.tags ?? {}),
    ancestors: closeOver(key, find, ancestors, new Set()),
  })
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

/** `entities` replace those of `base` with the same key. What `base` computed for others stays as it is. */
export function overlay(base: EntityStore, entities: readonly Entity[]): EntityStore {
  const over = new Map<string, Entity>()
  for (const one of entities) over.set(one.ref.key, one)
  return { get: (key) => over.get(key) ?? base.get(key) }
}

/** A parent that is not stored is an ancestor nevertheless, with none of its own (as in the official engine). */
function closeOver(
  key: string,
  find: (key: string) => StoredEntity | undefined,
  done: Map<string, ReadonlySet<string>>,
  path: Set<string>,
): ReadonlySet<string> {
  const closed = done.get(key)
  if (closed !== undefined) return closed
  if (path.has(key)) throw new Error(`entity ${key} is a member of itself`)
  path.add(key)
  const ancestors = new Set<string>()
  for (const parent of find(key)?.parents ?? []) {
    const parentKey = keyOf(parent)
    ancestors.add(parentKey)
    for (const above of closeOver(parentKey, find, done, path)) ancestors.add(above)
  }
  path.delete(key)
  done.set(key, ancestors)
  return ancestors
}

export function keyOf(uid: EntityUid): string {
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
