/** Schemas that the first call of an isolate needs. */
import type { z } from "zod"

/**
 * zod works out how to parse at the first parse, which takes longer than any later one. This does it at once, while the
 * Worker starts and no call waits.
 * @param example that it accepts
 */
export function prepared<Schema extends z.ZodType>(schema: Schema, example: z.input<Schema>): Schema {
  schema.parse(example)
  return schema
}
