/** Kinds of members that several answers share. */
import * as z from "zod"
import { isObject } from "../../core/encoding/json.ts"
import { once } from "./endpoint.ts"

/**
 * An object whose members somebody else has named: all of them, as they are. A record of zod's leaves out one by the name
 * of `__proto__`, and whoever decides by what they are shown would not see it.
 */
export const members = z.custom<Readonly<Record<string, unknown>>>(isObject)

export const text = once(() => z.string().nullable())
export const moment = once(() => z.number().describe("Milliseconds since the epoch."))
export const momentOrNull = once(() => z.number().nullable().describe("Milliseconds since the epoch; null if never."))
export const userName = once(() =>
  z.string().nullable().describe("Issuer and subject, joined by `|`; null without one."),
)
export const chain = once(() => z.array(z.string()).describe("Agents from the root task's to the calling one."))
export const verdict = once(() => z.enum(["allow", "deny"]))

/** Why something was denied: the reason, and its evidence by members of its own. */
export const denial = once(() =>
  z.object({ reason: z.string() }).catchall(z.unknown().describe("Evidence of the reason.")),
)

/** Of an unknown name: known names that are near. */
export const nearestNames = once(() => z.looseObject({ nearest: z.array(z.string()) }).partial())

export const pointer = once(() =>
  z.looseObject({
    seq: z.number().describe("Number of the publication."),
    digest: z.string().describe("SHA-256 of the bundle's body, in lower-case hex."),
  }),
)
