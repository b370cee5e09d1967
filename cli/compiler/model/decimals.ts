/**
 * The arguments that the schema declares as `decimal`: a JSON number does not say whether it is one, so the Worker
 * reads it as the bundle says.
 */
import { ACTIONS, type Action } from "../../../src/core/catalog/tool.ts"
import type { DecimalMembers, Decimals } from "../../../src/core/policy/cedar/values/json-number.ts"
import { argumentsType, type ResolvedType } from "./schema-types.ts"

/** Nothing is a decimal if the schema does not parse; that problem is reported elsewhere. */
export function decimalArguments(schemaText: string): Readonly<Record<Action, DecimalMembers>> {
  const ofAction = (action: Action): DecimalMembers => {
    const type = argumentsType(schemaText, action)
    const decimals = type && decimalsIn(type)
    return typeof decimals === "object" && decimals && "members" in decimals ? decimals.members : {}
  }
  const [read, write, execute] = ACTIONS.map(ofAction)
  return { read: read ?? {}, write: write ?? {}, execute: execute ?? {} }
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
