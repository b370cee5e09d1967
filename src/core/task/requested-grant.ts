import * as z from "zod"
import { conjunctOf } from "../catalog/bounds/bounds.ts"
import { OTHERS } from "../catalog/bounds/definition.ts"
import { MEANING_FIELDS } from "../catalog/bounds/kinds.ts"
import { parseJson } from "../catalog/json-body.ts"
import { isPattern, parseScope, type Scope } from "../catalog/pattern.ts"
import { ACTIONS, SENSITIVITIES } from "../catalog/tool.ts"
import { oauthError, TOO_MANY_SCOPES, type OAuthFailure } from "../denials/oauth-error.ts"
import { asciiText } from "../encoding/display-text.ts"
import { NOTHING_REQUESTED, type RequestedGrant } from "./grant.ts"

const scalar = z.union([z.string().max(256), z.number(), z.boolean()])

const boundSchema = z.strictObject({
  eq: scalar.exactOptional(),
  in: z.array(scalar).min(1).max(64).exactOptional(),
  min: z.number().exactOptional(),
  max: z.number().exactOptional(),
  like: z.string().max(256).exactOptional(),
  max_length: z.int().nonnegative().exactOptional(),
  ...MEANING_FIELDS,
  optional: z.literal(true).exactOptional(),
})

/** Each is matched against the whole catalog. */
const MAX_SCOPES = 256

/** RFC 9396: objects of our type, each about tools of its own. */
const detailsSchema = z
  .array(
    z.strictObject({
      type: z.literal("narrowgate_call"),
      tools: z.array(z.string().refine(isPattern, "not a tool pattern")).min(1).max(MAX_SCOPES),
      actions: z.array(z.enum(ACTIONS)).min(1).max(ACTIONS.length),
      max_sensitivity: z.enum(SENSITIVITIES).optional(),
      arguments: z
        .record(z.string().max(128), boundSchema)
        .refine((bounds) => Object.keys(bounds).length <= 32 && !Object.hasOwn(bounds, OTHERS))
        .default({}),
      closed: z.literal(true).exactOptional(),
      /** Of the whole task; the smallest number applies. */
      calls: z.int().positive().optional(),
      /** Of the task, like the request parameter `purpose`. */
      purpose: z.string().min(1).max(256).optional(),
    }),
  )
  .min(1)
  .max(16)

/** They are repeated in the token, and by each task below. */
const MAX_DETAILS_LENGTH = 4_096

/** What is requested, and the purpose that the request names, if any. */
export interface RequestedAuthority {
  readonly requested: RequestedGrant
  readonly purpose: string | null
}

/**
 * The parameters of a token request that say what is requested. Null if the request has none of this name. A request
 * names tools in `scope` or in `authorization_details`, not in both; with neither it gets the default.
 */
export interface RequestedText {
  readonly scope: string | null
  readonly purpose: string | null
  readonly authorizationDetails: string | null
}

export function readRequestedGrant({
  scope,
  purpose,
  authorizationDetails: text,
}: RequestedText): RequestedAuthority | OAuthFailure {
  const scopes = readScopes(scope)
  if (scopes && "refused" in scopes) return scopes
  if (text === null) {
    const parts = scopes && [{ scopes, maxSensitivity: null, bounds: {} }]
    return { requested: { parts, inDetails: false, calls: null }, purpose }
  }
  const malformed = (what: string): OAuthFailure => oauthError({ reason: "details_malformed", what })
  if (text.length > MAX_DETAILS_LENGTH) return malformed("authorization_details is too long")
  if (scopes) return malformed("scope and authorization_details both name tools")
  const parsed = parseJson(text)
  if ("denied" in parsed) return malformed("authorization_details is not JSON")
  const details = readDetails(parsed.json)
  if (!details) return malformed("authorization_details is no list of narrowgate_call objects")
  const purposes = new Set([...(purpose === null ? [] : [purpose]), ...details.purposes])
  if (purposes.size > 1) return malformed("it names several purposes")
  return { requested: details.requested, purpose: [...purposes][0] ?? null }
}

/**
 * Reads the details of an assertion; only those of our type count, and a list without any allows nothing. Null if it is
 * no such list, or names several purposes.
 */
export function readAssertedDetails(json: unknown): RequestedAuthority | null {
  const list = z
    .array(z.looseObject({ type: z.string() }))
    .max(64)
    .safeParse(json)
  if (!list.success) return null
  const ours = list.data.filter(({ type }) => type === "narrowgate_call")
  if (ours.length === 0) return { requested: { ...NOTHING_REQUESTED, parts: [] }, purpose: null }
  const details = readDetails(ours)
  if (!details || details.purposes.length > 1) return null
  return { requested: details.requested, purpose: details.purposes[0] ?? null }
}

/** Each purpose once. Null if the list is malformed, or names more tools and actions than the limit for scopes. */
function readDetails(
  json: unknown,
): { readonly requested: RequestedGrant; readonly purposes: readonly string[] } | null {
  const details = detailsSchema.safeParse(json)
  if (!details.success) return null
  const calls = details.data.flatMap((each) => each.calls ?? [])
  const parts = details.data.map((each) => ({
    scopes: distinct(each.tools).flatMap((pattern) => distinct(each.actions).map((action) => ({ pattern, action }))),
    maxSensitivity: each.max_sensitivity ?? null,
    bounds: conjunctOf(each),
  }))
  if (parts.reduce((count, { scopes }) => count + scopes.length, 0) > MAX_SCOPES) return null
  const purposes = distinct(details.data.flatMap((each) => each.purpose ?? []))
  return { requested: { parts, inDetails: true, calls: calls.length === 0 ? null : Math.min(...calls) }, purposes }
}

const distinct = <T>(items: readonly T[]): readonly T[] => [...new Set(items)]

/** The scopes of a request, each once. Null if it names none. */
export function readScopes(text: string | null): readonly Scope[] | OAuthFailure | null {
  if (text === null) return null
  const words = text.split(" ").filter((word) => word !== "")
  if (words.length > MAX_SCOPES) return oauthError({ reason: "scope_malformed", scope: TOO_MANY_SCOPES })
  const scopes: Scope[] = []
  for (const word of distinct(words)) {
    const scope = parseScope(word)
    if (!scope) return oauthError({ reason: "scope_malformed", scope: asciiText(word) })
    scopes.push(scope)
  }
  return scopes
}
