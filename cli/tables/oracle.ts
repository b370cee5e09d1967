/**
 * The official Cedar engine on the text of a policy directory, to be asked what the Worker's evaluator is asked. Both must
 * come to the same decision by the same rules, but for the one difference that is meant: here a forbid that errs denies.
 */
import {
  preparsePolicySet,
  statefulIsAuthorized,
  type CedarValueJson,
  type Context,
  type EntityJson,
  type StatefulAuthorizationCall,
} from "@cedar-policy/cedar-wasm/nodejs"
import { isNode } from "../../src/policy/est.ts"
import type { PolicyAnswer, PolicyRequest } from "../../src/policy/engine.ts"
import { keyOf, type Entity, type EntityStore } from "../../src/policy/entities.ts"
import type { EntityUid, LoweredRule, StoredEntity } from "../../src/policy/lowered.ts"
import { isEntity, isRecord, type CedarRecord, type EntityRef, type Value } from "../../src/policy/value.ts"
import { readUid } from "../../src/policy/cedar-json.ts"
import { toCedar } from "../policies/entities.ts"
import { officialSet, type WrittenRule } from "../policies/written.ts"
import type { Asked } from "./overhear.ts"

export interface Oracle {
  /** Null where the question cannot be put to it: a context with a member that Cedar's JSON takes for an escape. */
  authorize(request: PolicyRequest, entities: EntityStore): PolicyAnswer | null
}

/** What both engines say of a question on which they differ. */
export interface Disagreement {
  readonly principal: string
  readonly action: string
  readonly resource: string
  readonly ours: PolicyAnswer
  readonly official: PolicyAnswer
}

/** Null where they agree; `unput` where the official engine could not be asked. */
export function disagreement(
  oracle: Oracle,
  { request, entities, answer: ours }: Asked,
): Disagreement | "unput" | null {
  const official = oracle.authorize(request, entities)
  if (!official) return "unput"
  if (JSON.stringify(official) === JSON.stringify(ours)) return null
  const { principal, action, resource } = request
  return { principal: principal.key, action: action.id, resource: resource.key, ours, official }
}

/** The whole of more rules than this is not asked for each question: the official engine copies all of them each time. */
const ASKED_WHOLE = 200

/** Sets that were handed to the official engine, which keeps them by name. */
let sets = 0

/**
 * @param written the rules as text
 * @param rules the same, lowered: their scopes
 * @param stored the entities of the bundle
 */
export function oracleOf(
  written: ReadonlyMap<string, WrittenRule>,
  rules: readonly LoweredRule[],
  stored: readonly StoredEntity[],
): Oracle {
  const world = new World(stored, rules)
  const effects = new Map(rules.map(({ id, policy }) => [id, isNode(policy) ? policy.effect : null]))
  const names = new Map<string, string>()
  const preparsed = (ids: readonly string[]): string => {
    const key = ids.join()
    let name = names.get(key)
    if (name === undefined) {
      names.set(key, (name = `narrowgate ${++sets}`))
      const answer = preparsePolicySet(name, officialSet(ids.flatMap((id) => written.get(id) ?? [])))
      if (answer.type === "failure") throw new Error(answer.errors.map(({ message }) => message).join("; "))
    }
    return name
  }
  const all = rules.map(({ id }) => id)
  const rulesFor = (request: PolicyRequest, entities: EntityStore): readonly string[] =>
    rules.length <= ASKED_WHOLE ? all : world.mayBeAbout(request, entities)
  return {
    authorize: (request, entities) => {
      const context = toContext(request.context)
      if (!context) return null
      const { principal, action, resource } = request
      const call: StatefulAuthorizationCall = {
        principal: uidOf(principal),
        action: uidOf(action),
        resource: uidOf(resource),
        context,
        entities: world.about([principal, action, resource, ...refsIn(request.context)], entities),
        preparsedPolicySetId: preparsed(rulesFor(request, entities)),
      }
      const answer = statefulIsAuthorized(call)
      if (answer.type === "failure") throw new Error(answer.errors.map(({ message }) => message).join("; "))
      const { decision, diagnostics } = answer.response
      const erring = diagnostics.errors.map(({ policyId }) => policyId)
      return asHere(decision === "allow", diagnostics.reason, erring, (rule) => effects.get(rule) === "forbid")
    },
  }
}

/** What the official engine says, as it would with forbids that deny where they err. */
function asHere(
  allowed: boolean,
  reason: readonly string[],
  erring: readonly string[],
  isForbid: (rule: string) => boolean,
): PolicyAnswer {
  const forbids = erring.filter(isForbid)
  const determining = forbids.length === 0 ? reason : [...(allowed ? [] : reason), ...forbids]
  return {
    allowed: allowed && forbids.length === 0,
    determining: determining.toSorted(),
    erring: erring.toSorted(),
  }
}

/** The stored entities as the official engine takes them: of a question only those that it can come upon. */
class World {
  readonly #stored = new Map<string, StoredEntity>()
  readonly #rules: readonly Scoped[]
  /** What rules name in their conditions, so that it can be come upon in any question. */
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

  /** Rules whose scopes do not rule the question out. */
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
    const known = this.#above.get(key)
    if (known) return known
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

/** Only a scope that names others than an entity and all above it rules it out. */
function mayMatch(named: readonly string[], key: string, above: ReadonlySet<string>): boolean {
  return named.length === 0 || named.some((one) => one === key || above.has(one))
}

/** Entities that JSON of Cedar names, as `{type, id}` or with its escape. */
function uidsIn(json: unknown): EntityUid[] {
  if (Array.isArray(json)) return json.flatMap(uidsIn)
  if (!isNode(json)) return []
  const uid = Object.keys(json).length === 2 ? readUid(json) : undefined
  return uid ? [uid] : Object.values(json).flatMap(uidsIn)
}

/** One that was made for the request: a user, an operator. What it is a member of is worked out already. */
function madeJson(made: Entity | undefined): EntityJson | null {
  if (!made) return null
  const attrs = toContext(made.attrs)
  if (!attrs) throw new Error(`${made.ref.key} has an attribute that is none`)
  return { uid: uidOf(made.ref), attrs, tags: {}, parents: [...made.ancestors].map(uidOfKey) }
}

const uidOf = ({ type, id }: EntityRef): { type: string; id: string } => ({ type, id })

/** `Type::"id"`, the id as JSON (value.ts). */
function uidOfKey(key: string): { type: string; id: string } {
  const end = key.indexOf('::"')
  const id: unknown = JSON.parse(key.slice(end + 2))
  return { type: key.slice(0, end), id: String(id) }
}

function refsIn(value: Value): readonly EntityRef[] {
  if (typeof value !== "object") return []
  if (isEntity(value)) return [value]
  if (isRecord(value)) return [...value.values()].flatMap(refsIn)
  return value.kind === "set" ? [...value.members.values()].flatMap(refsIn) : []
}

class Inexpressible extends Error {}

function toContext(context: CedarRecord): Context | null {
  try {
    return membersOf(context)
  } catch (error) {
    if (error instanceof Inexpressible) return null
    throw error
  }
}

function membersOf(values: CedarRecord): Record<string, CedarValueJson> {
  // To Cedar's JSON these are escapes, wherever they stand.
  if (values.has("__entity") || values.has("__extn")) throw new Inexpressible()
  return Object.fromEntries([...values].map(([name, value]) => [name, toJson(value)]))
}

function toJson(value: Value): CedarValueJson {
  if (typeof value === "bigint") return JSON.rawJSON(String(value))
  if (typeof value !== "object") return value
  if (isEntity(value)) return { __entity: uidOf(value) }
  if (isRecord(value)) return membersOf(value)
  if (value.kind === "set") return [...value.members.values()].map(toJson)
  throw new Inexpressible()
}
