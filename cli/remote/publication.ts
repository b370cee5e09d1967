/** What a Worker tells of publications. */
import { z } from "zod"
import { PUBLISHINGS } from "../../src/core/policy/bundle.ts"

export const published = z.object({
  seq: z.number(),
  what: z.enum(PUBLISHINGS),
  digest: z.string(),
  /** Milliseconds. */
  at: z.number(),
  by: z.string(),
  why: z.string(),
  kid: z.string(),
  done: z.boolean(),
})
export type Published = z.infer<typeof published>

export const head = z.object({ seq: z.number(), live: published.nullable() })

export const history = head.extend({ history: z.array(published) })
export type History = z.infer<typeof history>
