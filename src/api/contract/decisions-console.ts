/** What the API says of decisions, as far as these pages read it. */
import * as z from "zod"
import { decision, type denial } from "./decisions.ts"

export type Denial = z.infer<typeof denial>

export { decision }
export type Decision = z.infer<typeof decision>

export const decisions = z.looseObject({ decisions: z.array(decision) })
export const rates = z.looseObject({
  slot_ms: z.number(),
  slots: z.array(z.object({ at: z.number(), allowed: z.number(), denied: z.number() })),
})
export type Rates = z.infer<typeof rates>
