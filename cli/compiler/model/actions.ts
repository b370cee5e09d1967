/**
 * The schema's actions as entities: a rule on `action in Action::"calls"` matches in the Worker only if the bundle says
 * which actions are in that group, and a `forbid` that never matches forbids nothing.
 */
import { schemaToJson } from "../source/official-engine.ts"
import { z } from "zod"
import type { EntityUid, StoredEntity } from "../../../src/core/policy/cedar/lowered.ts"

const parent = z.object({ id: z.string(), type: z.string().nullish() })
const schemaJson = z.record(
  z.string(),
  z.object({ actions: z.record(z.string(), z.object({ memberOf: z.array(parent).nullish() })).default({}) }),
)

/** Empty if the schema does not parse; that problem is reported elsewhere. */
export function actionEntities(schemaText: string): StoredEntity[] {
  const answer = schemaToJson(schemaText)
  if (answer.type !== "success") return []
  return Object.entries(schemaJson.parse(answer.json)).flatMap(([namespace, { actions }]) => {
    const type = namespace === "" ? "Action" : `${namespace}::Action`
    const uid = (id: string, of: string | null | undefined): EntityUid => ({ type: of ?? type, id })
    return Object.entries(actions).map(([id, { memberOf }]) => ({
      uid: uid(id, null),
      attrs: {},
      parents: (memberOf ?? []).map((group) => uid(group.id, group.type)),
    }))
  })
}
