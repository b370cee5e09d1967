/**
 * Maps AuthZEN's names to Cedar's: an entity's type is the Cedar type of that name, an action the one of that name,
 * unless the client's entry in the bundle says otherwise. It often has to: Cedar permits no namespace to have an action
 * `read` beside Narrowgate's own. A name that no Cedar type can have is no type.
 */
import type { QueryClient } from "../../core/policy/definition/gateways.ts"
import { entity, isEntityType, type EntityRef } from "../../core/policy/cedar/values/value.ts"

/** Returns null if there is no such type. */
export function typeOf({ types }: QueryClient, name: string): string | null {
  const type = Object.hasOwn(types, name) ? types[name] : name
  return type !== undefined && isEntityType(type) ? type : null
}

export function refOf(client: QueryClient, { type, id }: { readonly type: string; readonly id: string }) {
  const cedarType = typeOf(client, type)
  return cedarType === null ? null : entity(cedarType, id)
}

export function actionOf({ action_type, actions }: QueryClient, name: string): EntityRef {
  return entity(action_type, (Object.hasOwn(actions, name) ? actions[name] : undefined) ?? name)
}

/** Returns null if no name of the client's leads to this action. */
export function nameOf({ actions }: QueryClient, id: string): string | null {
  const [named] = Object.entries(actions).find(([, meant]) => meant === id) ?? []
  return named ?? (Object.hasOwn(actions, id) ? null : id)
}
