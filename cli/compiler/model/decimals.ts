/**
 * What the schema declares as `decimal`: a JSON number does not say whether it is one, so the Worker reads it as the
 * bundle says.
 */
import type { DecimalMembers, Decimals, DeclaredDecimals } from "../../../src/core/policy/cedar/values/json-number.ts"
import { declaredTypes, type ResolvedType } from "./schema-types.ts"

export function declaredDecimals(schemaText: string): DeclaredDecimals {
  const { contexts, attributes } = declaredTypes(schemaText)
  return { contexts: membersOf(contexts), attributes: membersOf(attributes) }
}

function membersOf(types: ReadonlyMap<string, ResolvedType>): Readonly<Record<string, DecimalMembers>> {
  const all = Array.from(types).flatMap(([name, type]) => {
    const decimals = decimalsIn(type)
    return typeof decimals === "object" && "members" in decimals ? [[name, decimals.members] as const] : []
  })
  return Object.fromEntries(all)
}

function decimalsIn(type: ResolvedType): Decimals | undefined {
  switch (type.kind) {
    case "record": {
      const members = Array.from(type.attributes).flatMap(([name, of]) => {
        const decimals = decimalsIn(of())
        return decimals === undefined ? [] : [[name, decimals] as const]
      })
      return members.length === 0 ? undefined : { members: Object.fromEntries(members) }
    }
    case "set": {
      const each = decimalsIn(type.element())
      return each && { each }
    }
    case "named":
      return type.name === "decimal" ? "decimal" : undefined
    default:
      return type satisfies never
  }
}
