/** Schemas that the first call of an isolate meets. */
import type { z } from "zod"

/**
 * zod works out how to parse when it first does, which takes longer than any parsing after: done at once, while the
 * Worker starts and nobody waits for it.
 * @param example that it takes
 */
export function prepared<Schema extends z.ZodType>(schema: Schema, example: z.input<Schema>): Schema {
  schema.parse(example)
  return schema
}
