/**
 * AuthZEN's names as Cedar's: an entity's type is the Cedar type of that name, unless the client's entry names another;
 * an action is one that the schema declares. What no Cedar type can be called is none.
 */
import type { QueryClient } from "../policy/bundle.ts"
import { entity, isEntityType, type EntityRef } from "../policy/value.ts"

/** Null: there is no such type. */
export function typeOf({ types }: QueryClient, name: string): string | null {
  const type = Object.hasOwn(types, name) ? types[name] : name
  return type !== undefined && isEntityType(type) ? type : null
}

export function refOf(client: QueryClient, { type, id }: { readonly type: string; readonly id: string }) {
  const known = typeOf(client, type)
  return known === null ? null : entity(known, id)
}

export function actionOf({ actions }: QueryClient, name: string): EntityRef {
  return entity(actions, name)
}
