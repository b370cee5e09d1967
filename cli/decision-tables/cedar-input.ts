/** Entities, values and scopes in Cedar's JSON, as the official engine takes them. */
import type { CedarValueJson, Context, EntityJson } from "@cedar-policy/cedar-wasm/nodejs"
import { readUid } from "../../src/core/policy/cedar/values/cedar-json.ts"
import type { PolicyRequest } from "../../src/core/policy/cedar/engine.ts"
import { keyOf, type Entity, type EntityStore } from "../../src/core/policy/cedar/entities.ts"
import { isNode } from "../../src/core/policy/cedar/est.ts"
import type { EntityUid, LoweredRule, StoredEntity } from "../../src/core/policy/cedar/lowered.ts"
import { decimalText } from "../../src/core/policy/cedar/values/json-number.ts"
import {
  isEntity,
  isRecord,
  type CedarRecord,
  type EntityRef,
  type Value,
} from "../../src/core/policy/cedar/values/value.ts"
import { toCedar } from "../compiler/model/entities.ts"

/** The entities of a bundle. A query gets those of them that it can reach. */
export class OfficialWorld {
  readonly #stored = new Map<string, StoredEntity>()
  readonly #rules: readonly Scoped[]
  /** Entities that rules name in their conditions: any query can reach them. */
  readonly #named: readonly string[]
  readonly #json = new Map<string, EntityJson>()
  readonly #above = new Map<string, ReadonlySet<string>>()
  readonly #about = new Map<string, readonly Scoped[]>()

  constructor(stored: readonly StoredEntity[], rules: readonly LoweredRule[]) {
    for (const one of stored) this.#stored.set(keyOf(one.uid), one)
    this.#rules = rules.map(scopedOf)
    const conditions = rules.map(({ policy }) => (isNode(policy) ? policy.conditions : null))
    this.#named = uidsIn(conditions).map(keyOf)
  }

  about(refs: readonly EntityRef[], overlay: EntityStore): EntityJson[] {
    const found = new Map<string, EntityJson>()
    const waiting = [...refs.map(({ key }) => key), ...this.#named]
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      if (found.has(key)) continue
      const one = this.#stored.get(key)
      const json = one ? this.#jsonOf(key, one) : madeJson(overlay.get(key))
      if (!json) continue
      found.set(key, json)
      waiting.push(...uidsIn([json.attrs, json.tags, json.parents]).map(keyOf))
    }
    return [...found.values()]
  }

  #jsonOf(key: string, stored: StoredEntity): EntityJson {
    let json = this.#json.get(key)
    if (!json) this.#json.set(key, (json = toCedar(stored)))
    return json
  }

  /** Rules whose scopes do not exclude the query. */
  mayBeAbout({ principal, action, resource }: PolicyRequest, overlay: EntityStore): readonly string[] {
    const about = this.#aboutTool(action, resource)
    const above = overlay.get(principal.key)?.ancestors ?? new Set()
    return about.filter(({ policy }) => mayMatch(policy.principal, principal.key, above)).map(({ id }) => id)
  }

  #aboutTool(action: EntityRef, resource: EntityRef): readonly Scoped[] {
    const key = `${action.key} ${resource.key}`
    let rules = this.#about.get(key)
    if (!rules) {
      const [aboveAction, aboveResource] = [this.#aboveOf(action.key), this.#aboveOf(resource.key)]
      rules = this.#rules.filter(({ policy }) => {
        return (
          mayMatch(policy.action, action.key, aboveAction) && mayMatch(policy.resource, resource.key, aboveResource)
        )
      })
      this.#about.set(key, rules)
    }
    return rules
  }

  #aboveOf(key: string): ReadonlySet<string> {
    const cached = this.#above.get(key)
    if (cached) return cached
    const parents = this.#stored.get(key)?.parents.map(keyOf) ?? []
    const above = new Set(parents)
    for (const parent of parents) for (const one of this.#aboveOf(parent)) above.add(one)
    this.#above.set(key, above)
    return above
  }
}

/** A rule with the keys that each part of its scope names. */
interface Scoped {
  readonly id: string
  readonly policy: Readonly<Record<"principal" | "action" | "resource", readonly string[]>>
}

function scopedOf({ id, policy }: LoweredRule): Scoped {
  const { principal, action, resource } = isNode(policy) ? policy : {}
  const named = (scope: unknown): readonly string[] => uidsIn(scope).map(keyOf)
  return { id, policy: { principal: named(principal), action: named(action), resource: named(resource) } }
}

/** Only a scope that names neither the entity nor one above it excludes it. */
function mayMatch(named: readonly string[], key: string, above: ReadonlySet<string>): boolean {
  return named.length === 0 || named.some((one) => one === key || above.has(one))
}

/** Entities that Cedar's JSON names, as `{type, id}` or with its escape. */
function uidsIn(json: unknown): EntityUid[] {
  if (Array.isArray(json)) return json.flatMap(uidsIn)
  if (!isNode(json)) return []
  const uid = Object.keys(json).length === 2 ? readUid(json) : undefined
  return uid ? [uid] : Object.values(json).flatMap(uidsIn)
}

/** An entity that was made for the request: a user, an operator. Its groups are resolved already. */
function madeJson(made: Entity | undefined): EntityJson | null {
  if (!made) return null
  const attrs = toContext(made.attrs)
  if (!attrs) throw new Error(`${made.ref.key} has an attribute that is none`)
  return { uid: uidOf(made.ref), attrs, tags: {}, parents: [...made.ancestors].map(uidOfKey) }
}

export const uidOf = ({ type, id }: EntityRef): { type: string; id: string } => ({ type, id })

/** `Type::"id"`, the id as JSON (src/core/policy/cedar/values/value.ts). */
function uidOfKey(key: string): { type: string; id: string } {
  const end = key.indexOf('::"')
  const id: unknown = JSON.parse(key.slice(end + 2))
  return { type: key.slice(0, end), id: String(id) }
}

export function refsIn(value: Value): readonly EntityRef[] {
  if (typeof value !== "object") return []
  if (isEntity(value)) return [value]
  if (isRecord(value)) return [...value.values()].flatMap(refsIn)
  return value.kind === "set" ? [...value.members.values()].flatMap(refsIn) : []
}

class Inexpressible extends Error {}

/** Returns null if a member cannot be written in Cedar's JSON. */
export function toContext(context: CedarRecord): Context | null {
  try {
    return membersOf(context)
  } catch (error) {
    if (error instanceof Inexpressible) return null
    throw error
  }
}

function membersOf(values: CedarRecord): Record<string, CedarValueJson> {
  // These are escapes to Cedar's JSON, wherever they stand.
  if (values.has("__entity") || values.has("__extn")) throw new Inexpressible()
  return Object.fromEntries([...values].map(([name, value]) => [name, toJson(value)]))
}

function toJson(value: Value): CedarValueJson {
  if (typeof value === "bigint") return JSON.rawJSON(String(value))
  if (typeof value !== "object") return value
  if (isEntity(value)) return { __entity: uidOf(value) }
  if (isRecord(value)) return membersOf(value)
  if (value.kind === "set") return [...value.members.values()].map(toJson)
  if (value.kind === "decimal") return { __extn: { fn: "decimal", arg: decimalText(value) } }
  throw new Inexpressible()
}
