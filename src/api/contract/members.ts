/** Types of members that several answers share. */
import * as z from "zod"
import { isObject } from "../../core/encoding/json.ts"
import { DENIAL_SCHEMA } from "../../core/record/fields/verdict.ts"
import { once } from "./endpoint.ts"

/**
 * An object whose members are named by others: all of them, unchanged. Zod's record type omits a member named
 * `__proto__`, and a person who decides by the answer would not see it.
 */
export const members = z.custom<Readonly<Record<string, unknown>>>(isObject)

/** Of requests about one decision record. */
export const RECORDED_LATER =
  "A record can be read within about a second of its decision, that of a read that came alone within `RECORD_DELAY_SECONDS`; until then its id is 404 `not_found`."

export const text = once(() => z.string().nullable())
export const moment = once(() => z.number().describe("Milliseconds since the epoch."))
export const momentOrNull = once(() => z.number().nullable().describe("Milliseconds since the epoch; null if never."))
export const userName = once(() =>
  z.string().nullable().describe("Issuer and subject, joined by `|`; null without one."),
)
export const chain = once(() => z.array(z.string()).describe("Agents from the root task's to the calling one."))
export const verdict = once(() => z.enum(["allow", "deny"]))

/** Why something was denied: the reason, and its evidence as further members, as the record has it. */
export const denial = (): typeof DENIAL_SCHEMA => DENIAL_SCHEMA

/** For an unknown name: similar names that exist. */
export const nearestNames = once(() => z.looseObject({ nearest: z.array(z.string()) }).partial())

export const pointer = once(() =>
  z.looseObject({
    seq: z.number().describe("Number of the publication."),
    digest: z.string().describe("SHA-256 of the bundle's body, in lower-case hex."),
  }),
)
