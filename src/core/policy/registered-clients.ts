/**
 * Clients that have registered themselves (RFC 7591). The bundle has their class alone: the id of a client names it, and
 * all clients of the class are the same agent but for their id. So no decision asks whether a client is registered, and a
 * change of the class holds from the next decision on. Whether a client is registered is asked where it gets its tokens
 * (ledger/registration/), which are the only way to act as it.
 */
import type { Lookup } from "../encoding/lookup.ts"
import { classOfClient } from "../guardrails/history-key.ts"
import { DEFAULT_LIFE, DEFAULT_TREES, type AgentDefinition } from "./definition/agents.ts"
import type { RegistrationDefinition } from "./definition/registration.ts"
import { memberOf, type Entity, type EntityStore } from "./cedar/entities.ts"
import { entity, record } from "./cedar/values/value.ts"

const AGENT_KEY = /^Agent::"([^"\\]{1,640})"$/

export const registeredClientId = (
  issuer: string,
  { class: name }: Pick<RegistrationDefinition, "class">,
  unique: string,
): string => `${issuer}/clients/${name}/${unique}`

/** Whether the text is an id of the class, registered or not. */
export function isOfClass(registration: RegistrationDefinition, id: string): boolean {
  return classOfClient(id) === registration.class
}

/** Whether the text is the history key of the clients of the class. */
export function isKeyOfClass(registration: RegistrationDefinition, key: string): boolean {
  return isOfClass(registration, `${key}/${"A".repeat(22)}`)
}

/** What the class says of each of its clients. */
function clientOf(
  { owner, groups, ceiling, purposes, audiences }: RegistrationDefinition,
  id: string,
): AgentDefinition {
  return {
    id,
    owner,
    groups,
    ceiling,
    purposes,
    ...(audiences && { audiences }),
    delegates_to: [],
    depth: 0,
    life: DEFAULT_LIFE,
    trees: DEFAULT_TREES,
    bound_key: false,
    client: { registered: true, authentication: "none" },
  }
}

/** Agents, and any client of the class by its id. Nothing lists the clients. */
export function withRegisteredClients(
  agents: Lookup<AgentDefinition>,
  registration: RegistrationDefinition | null,
): Lookup<AgentDefinition> {
  if (!registration) return agents
  const get = (id: string): AgentDefinition | undefined =>
    agents.get(id) ?? (isOfClass(registration, id) ? clientOf(registration, id) : undefined)
  return { get, has: (id) => get(id) !== undefined, values: () => agents.values() }
}

/** Entities, and any client of the class as rules see it. None is kept: ids can be made up. */
export function withClientEntities(store: EntityStore, registration: RegistrationDefinition | null): EntityStore {
  if (!registration) return store
  return { get: (key) => store.get(key) ?? clientEntity(key, registration, store) }
}

function clientEntity(key: string, registration: RegistrationDefinition, store: EntityStore): Entity | undefined {
  const [, id] = AGENT_KEY.exec(key) ?? []
  if (id === undefined || !isOfClass(registration, id)) return undefined
  const parents = registration.groups.map((group) => entity("AgentGroup", group))
  return memberOf(parents, entity("Agent", id), record([["owner", registration.owner]]), store)
}
