/** What the API says of a switch that is set, as the console and the command line read it. */
import * as z from "zod"

export const stop = z.looseObject({
  id: z.string(),
  agent: z.string().exactOptional(),
  user: z.string().exactOptional(),
  tool: z.string().exactOptional(),
  key: z.string().exactOptional(),
  everything: z.literal(true).exactOptional(),
  /** Seconds. */
  before: z.number().exactOptional(),
  by: z.string().exactOptional(),
  reason: z.string().exactOptional(),
  /** Milliseconds. */
  at: z.number().exactOptional(),
})
