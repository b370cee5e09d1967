/**
 * The authorization requests that Narrowgate can make under a bundle: action, resource and principal. For a tool they
 * have the tool's own action class or `delegate`, for an area `manage`. Agents and operators are the registered ones,
 * users are any (src/core/policy/principals.ts).
 */
import { ACTIONS, type Tool } from "../../../src/core/catalog/tool.ts"
import { actionRef, toolRef } from "../../../src/core/policy/principals.ts"
import type { EntityStore } from "../../../src/core/policy/cedar/entities.ts"
import type { StoredEntity } from "../../../src/core/policy/cedar/lowered.ts"
import { keysWithin, type Scope } from "../../../src/core/policy/cedar/scope.ts"
import { entity, type EntityRef } from "../../../src/core/policy/cedar/values/value.ts"
import { areaRef, AREAS } from "../../../src/core/policy/management.ts"
import { MADE_TYPES } from "../model/entities.ts"

const ASKED = [...ACTIONS, "delegate", "manage"] as const
export type PolicyAction = (typeof ASKED)[number]

export interface Questions {
  readonly store: EntityStore
  /** The actions of a scope. */
  actions(scope: Scope): readonly PolicyAction[]
  /** The resources in it that a request with this action can have: tools, or for `manage` areas. */
  resources(scope: Scope, action: PolicyAction): readonly Resource[]
  /** Tools within a scope, whatever their action class. */
  tools(scope: Scope): readonly Tool[]
  /** Keys of all scopes that a tool is within. */
  keysOf(tool: Tool): readonly string[]
  /** Whether any principal of requests with the action is within the scope. */
  hasPrincipal(scope: Scope, action: PolicyAction): boolean
  /** Whether the registered agent is within the scope. */
  hasAgent(scope: Scope, id: string): boolean
}

export interface Resource {
  readonly ref: EntityRef
  /** Null for an area. */
  readonly tool: Tool | null
}

interface Registered {
  readonly store: EntityStore
  readonly tools: readonly Tool[]
  readonly agents: readonly string[]
  readonly operators: readonly StoredEntity[]
  /** From entities.json: groups of users may be within anything. */
  readonly stored: readonly StoredEntity[]
}

export function questionsOf({ store, tools, agents, operators, stored }: Registered): Questions {
  const areas = operators.length === 0 ? [] : AREAS.map((area): Resource => ({ ref: areaRef(area), tool: null }))
  const tooled = tools.map((tool): Resource => ({ ref: toolRef(tool.name), tool }))
  const resourcesOf = (action: PolicyAction): readonly Resource[] => {
    if (action === "manage") return areas
    return action === "delegate" ? tooled : tooled.filter(({ tool }) => tool?.action === action)
  }
  const byAction = new Map(ASKED.map((action) => [action, filed(resourcesOf(action), ({ ref }) => keysOf(ref, store))]))
  const keysOfAgent = new Map(agents.map((id) => [id, new Set(keysOf(entity("Agent", id), store))]))
  const agentKeys = new Set(Array.from(keysOfAgent.values(), (keys) => Array.from(keys)).flat())
  const operatorKeys = new Set(operators.flatMap((operator) => operatorKeysOf(operator, store)))
  const groups = new Set(stored.flatMap(({ uid }) => [...(store.get(entity(uid.type, uid.id).key)?.ancestors ?? [])]))
  const actionKeys = ASKED.map((name) => ({ name, keys: keysOf(actionRef(name), store) }))
  return {
    store,
    actions: ({ action }) =>
      actionKeys.flatMap(({ name, keys }) => (keys.some((key) => action.includes(key)) ? [name] : [])),
    keysOf: ({ name }) => keysOf(toolRef(name), store),
    tools: ({ resource }) => within(byAction.get("delegate"), resource).flatMap(({ tool }) => tool ?? []),
    resources: ({ resource }, action) => within(byAction.get(action), resource),
    hasPrincipal: ({ principal }, action) =>
      principal.some((key) =>
        action === "manage" ? operatorKeys.has(key) : agentKeys.has(key) || mayHoldUser(key, groups),
      ),
    hasAgent: ({ principal }, id) => principal.some((key) => keysOfAgent.get(id)?.has(key)),
  }
}

function keysOf(ref: EntityRef, store: EntityStore): readonly string[] {
  return keysWithin(ref, store)
}

function filed<Item>(items: readonly Item[], keysOf: (item: Item) => readonly string[]): ReadonlyMap<string, Item[]> {
  const byKey = new Map<string, Item[]>()
  for (const item of items) {
    for (const key of keysOf(item)) {
      const list = byKey.get(key)
      if (list) list.push(item)
      else byKey.set(key, [item])
    }
  }
  return byKey
}

/** The scope of a resource is one key; a scope of actions can be several. */
function within(
  byKey: ReadonlyMap<string, Resource[]> | undefined,
  [key = ""]: readonly string[],
): readonly Resource[] {
  return byKey?.get(key) ?? []
}

/** Users' entities come with the request: they are within their groups, and within what those groups are within. */
function operatorKeysOf({ uid, parents }: StoredEntity, store: EntityStore): readonly string[] {
  const own = entity(uid.type, uid.id)
  const groups = new Set<string>()
  for (const { type, id } of parents) {
    const { key } = entity(type, id)
    groups.add(key)
    for (const group of store.get(key)?.ancestors ?? []) groups.add(group)
  }
  return [
    ...keysWithin(own, store),
    ...Array.from(groups, (group) => [`in ${group}`, `is-in ${uid.type} ${group}`]).flat(),
  ]
}

const NOT_OF_USERS = MADE_TYPES.filter((type) => type !== "User")

/** A key of a scope that some user could be within: a user's groups come with the token. */
function mayHoldUser(key: string, groups: ReadonlySet<string>): boolean {
  if (key === "any") return true
  const [, operator, first = "", second] = /^(==|is-in|is|in) (.*?)(?: (.*))?$/su.exec(key) ?? []
  if (operator === "is" || operator === "is-in") return first === "User"
  const named = second === undefined ? first : `${first} ${second}`
  const isMade = NOT_OF_USERS.some((type) => named.startsWith(`${type}::"`))
  return operator === "==" ? !isMade : !isMade || groups.has(named)
}
