/** A query client whose names lead to no type of the schema would be answered no to every query. */
import { schemaToJson } from "../source/official-engine.ts"
import { z } from "zod"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"

const names = z.record(z.string(), z.unknown()).default({})
const schemaJson = z.record(z.string(), z.object({ entityTypes: names, actions: names }))

export function checkQueries({ gateways, schema }: Policies): Problem[] {
  if (gateways.value.queries.length === 0) return []
  const answer = schemaToJson(schema)
  // A schema that does not parse has a problem of its own.
  if (answer.type !== "success") return []
  const namespaces = Object.entries(schemaJson.parse(answer.json))
  const within = (namespace: string, name: string): string => (namespace === "" ? name : `${namespace}::${name}`)
  const types = namespaces.flatMap(([namespace, { entityTypes }]) =>
    Object.keys(entityTypes).map((name) => within(namespace, name)),
  )
  const actions = namespaces.map(
    ([namespace, { actions }]) => [within(namespace, "Action"), Object.keys(actions)] as const,
  )
  return gateways.value.queries.flatMap((client, index) => {
    const { action_type: type } = client
    const ids = actions.flatMap(([of, ids]) => (of === type ? ids : []))
    const actionTypes = actions.flatMap(([of, ids]) => (ids.length > 0 ? [of] : []))
    return [
      ...Object.entries(client.types).flatMap(([name, type]) =>
        types.includes(type) ? [] : [absent(["queries", index, "types", name], "no entity type", type, types)],
      ),
      ...(ids.length > 0 ? [] : [absent(["queries", index, "action_type"], "no type of actions", type, actionTypes)]),
      ...Object.entries(client.actions).flatMap(([name, id]) =>
        ids.includes(id) ? [] : [absent(["queries", index, "actions", name], "no action", id, ids)],
      ),
    ]
  })

  function absent(path: (string | number)[], what: string, name: string, declared: readonly string[]): Problem {
    const fix = suggest(name, declared, "Declare it in schema.cedarschema, or write another.")
    return gateways.error(path, `\`${name}\` is ${what} of the schema`, fix)
  }
}
