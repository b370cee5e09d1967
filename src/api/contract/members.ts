/**
 * An object of an answer of the API whose members somebody else has named: all of them, as they are. A record of zod's leaves
 * out one by the name of `__proto__`, and who decides by what they are shown would not see it.
 */
import * as z from "zod"
import { isObject } from "../../core/encoding/json.ts"

export const members = z.custom<Readonly<Record<string, unknown>>>(isObject)
