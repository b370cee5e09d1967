/** entities.json: further entities, in Cedar's JSON entity format with explicit references. */
import { z } from "zod"

const uid = z.strictObject({ type: z.string().min(1), id: z.string() })

/** Whole numbers only, no null: what a Cedar value can be. References are `{"__entity": {"type", "id"}}`. */
const attribute: z.ZodType = z.lazy(() =>
  z.union([z.string(), z.boolean(), z.int(), z.array(attribute), z.record(z.string(), attribute)], {
    error: "expected a Cedar value: a string, a whole number, a boolean, a list or a record",
  }),
)

export const entitiesFile = z.array(
  z.strictObject({
    uid,
    attrs: z.record(z.string(), attribute).default({}),
    parents: z.array(uid).default([]),
  }),
)
export type EntitiesFile = z.infer<typeof entitiesFile>
