/** A decision as the API answers it: the console, the command line and clients read it so. */
import * as z from "zod"
import { SCHEMAS } from "../../core/record/fields.ts"

export const pointer = z.looseObject({ seq: z.number(), digest: z.string() })
export const denial = z.looseObject({ reason: z.string() })

export const decision = z.looseObject(SCHEMAS)
