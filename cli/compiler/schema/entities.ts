/** entities.json: further entities, in Cedar's JSON entity format with explicit references. */
import { z } from "zod"
import { entityUid } from "./values.ts"

/**
 * Whole numbers only, no null: what a Cedar value can be. References are `{"__entity": {"type", "id"}}`, extension
 * values `{"__extn": {"fn", "arg"}}`.
 */
const attribute: z.ZodType = z
  .lazy(() =>
    z.union([z.string(), z.boolean(), z.int(), z.array(attribute), z.record(z.string(), attribute)], {
      error: "expected a Cedar value: a string, a whole number, a boolean, a list or a record",
    }),
  )
  .meta({
    id: "cedar-value",
    description:
      'A Cedar value: a string, a whole number, a boolean, a list or a record. `{"__entity": {"type", "id"}}` is a reference to an entity, `{"__extn": {"fn", "arg"}}` an extension value.',
  })

export const entitiesFile = z.array(
  z.strictObject({
    uid: entityUid.describe("The entity."),
    attrs: z.record(z.string(), attribute).default({}).describe("Its attributes."),
    tags: z.record(z.string(), attribute).default({}).describe("Its tags."),
    parents: z.array(entityUid).default([]).describe("The entities that it is in."),
  }),
)
export type EntitiesFile = z.infer<typeof entitiesFile>
