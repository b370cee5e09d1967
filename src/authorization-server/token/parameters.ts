/**
 * The form of a token request (RFC 6749 3.2): parameters without a value are as if absent, unknown ones are ignored,
 * no parameter may be repeated but `resource` and `audience` (RFC 8693 2.1, RFC 8707 2).
 */
import * as z from "zod"
import { isPattern, parseScope, type Scope } from "../../core/catalog/pattern.ts"
import { ACTIONS, SENSITIVITIES } from "../../core/catalog/tool.ts"
import { parseJson } from "../../core/encoding/json.ts"
import { boundedText } from "../../platform/request-body.ts"
import { printable } from "../../core/encoding/display-text.ts"
import { ASKED_NOTHING, type Asked, type AskedPart } from "../../core/task/grant.ts"
import { refuse, TOO_MANY_SCOPES, type Refused } from "../../core/denials/oauth-error.ts"

const MAX_FORM_BYTES = 65_536
const MAY_REPEAT = new Set(["resource", "audience"])
const FORM_TYPE = /^application\/x-www-form-urlencoded(?:;.*)?$/i

export type Parameters = ReadonlyMap<string, readonly string[]>

export async function readParameters(request: Request): Promise<Parameters | Refused> {
  const malformed = (what: string): Refused => refuse({ reason: "request_malformed", what })
  if (!FORM_TYPE.test(request.headers.get("content-type") ?? "")) return malformed("its body is no form")
  const text = await boundedText(request, MAX_FORM_BYTES)
  if (text === null) return malformed("its body is too long, not UTF-8, or did not come in time")
  const { parameters, repeated } = gather(text)
  const [name] = repeated
  return name === undefined ? parameters : refuse({ reason: "parameter_repeated", parameter: printable(name) })
}

/** Of a form or a query; `repeated`: what must not be, in the order in which it comes again. */
export function gather(text: string): { readonly parameters: Parameters; readonly repeated: readonly string[] } {
  const parameters = new Map<string, string[]>()
  const repeated: string[] = []
  for (const [name, value] of new URLSearchParams(text)) {
    if (value === "") continue
    const values = parameters.get(name)
    if (!values) parameters.set(name, [value])
    else if (MAY_REPEAT.has(name)) values.push(value)
    else repeated.push(name)
  }
  return { parameters, repeated }
}

/** Words by which OpenID clients ask for something else than a tool. */
const NO_TOOLS: ReadonlySet<string> = new Set(["openid", "offline_access"])

/** Without them: there is nothing of that to be had here, and nothing to be refused for it. */
export function withoutOpenid(parameters: Parameters): Parameters {
  const words = valueOf(parameters, "scope")?.split(" ") ?? []
  if (!words.some((word) => NO_TOOLS.has(word))) return parameters
  const left = words.filter((word) => !NO_TOOLS.has(word)).join(" ")
  const others = [...parameters].filter(([name]) => name !== "scope")
  return new Map(left === "" ? others : [...others, ["scope", [left]]])
}

/** The one value of a parameter, or null. */
export function valueOf(parameters: Parameters, name: string): string | null {
  return parameters.get(name)?.[0] ?? null
}

const scalar = z.union([z.string().max(256), z.number(), z.boolean()])
const boundSchema = z.strictObject({
  eq: scalar.optional(),
  in: z.array(scalar).min(1).max(64).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  like: z.string().max(256).optional(),
  max_length: z.int().nonnegative().optional(),
})

/** Each is looked for in the whole catalog. */
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
        .refine((bounds) => Object.keys(bounds).length <= 32)
        .optional(),
      /** Of the whole task: the least of all counts. */
      calls: z.int().positive().optional(),
      /** Of the task, as the parameter of that name. */
      purpose: z.string().min(1).max(256).optional(),
    }),
  )
  .min(1)
  .max(16)

/** Bounds are kept for each tool that is granted. */
const MAX_DETAILS_LENGTH = 4_096

/** What is asked for, and the purpose that the request names, if any. */
export interface AskedFor {
  readonly asked: Asked
  readonly purpose: string | null
}

/**
 * `scope` and `authorization_details` together: a request may use either to name tools, and neither to get the default.
 */
export function readAsked(parameters: Parameters): AskedFor | Refused {
  const scopes = readScopes(valueOf(parameters, "scope"))
  if (scopes && "refused" in scopes) return scopes
  const purpose = valueOf(parameters, "purpose")
  const text = valueOf(parameters, "authorization_details")
  if (text === null) {
    const parts = scopes && [{ scopes, maxSensitivity: null, bounds: {} }]
    return { asked: { parts, inDetails: false, calls: null }, purpose }
  }
  const malformed = (what: string): Refused => refuse({ reason: "details_malformed", what })
  if (text.length > MAX_DETAILS_LENGTH) return malformed("authorization_details is too long")
  if (scopes) return malformed("scope and authorization_details both name tools")
  const parsed = parseJson(text)
  if ("denied" in parsed) return malformed("authorization_details is not JSON")
  const details = readDetails(parsed.json)
  if (!details) return malformed("authorization_details is no list of narrowgate_call objects")
  const purposes = new Set([...(purpose === null ? [] : [purpose]), ...details.purposes])
  if (purposes.size > 1) return malformed("it names several purposes")
  return { asked: details.asked, purpose: [...purposes][0] ?? null }
}

/**
 * Of an assertion: what in it is ours; a list without any allows nothing. Null where it is no such list, or names
 * several purposes.
 */
export function detailsOf(json: unknown): AskedFor | null {
  const list = z
    .array(z.looseObject({ type: z.string() }))
    .max(64)
    .safeParse(json)
  if (!list.success) return null
  const ours = list.data.filter(({ type }) => type === "narrowgate_call")
  if (ours.length === 0) return { asked: { ...ASKED_NOTHING, parts: [] }, purpose: null }
  const details = readDetails(ours)
  if (!details || details.purposes.length > 1) return null
  return { asked: details.asked, purpose: details.purposes[0] ?? null }
}

/** Each purpose once. Null where they are no such list, or name more tools and actions than scopes may be. */
function readDetails(json: unknown): { readonly asked: Asked; readonly purposes: readonly string[] } | null {
  const details = detailsSchema.safeParse(json)
  if (!details.success) return null
  const calls = details.data.flatMap((each) => each.calls ?? [])
  const parts = details.data.map((each) => ({
    scopes: distinct(each.tools).flatMap((pattern) => distinct(each.actions).map((action) => ({ pattern, action }))),
    maxSensitivity: each.max_sensitivity ?? null,
    bounds: withoutUndefined(each.arguments ?? {}),
  }))
  if (parts.reduce((count, { scopes }) => count + scopes.length, 0) > MAX_SCOPES) return null
  const purposes = distinct(details.data.flatMap((each) => each.purpose ?? []))
  return { asked: { parts, inDetails: true, calls: calls.length === 0 ? null : Math.min(...calls) }, purposes }
}

const distinct = <T>(items: readonly T[]): readonly T[] => [...new Set(items)]

function readScopes(text: string | null): readonly Scope[] | Refused | null {
  if (text === null) return null
  const words = text.split(" ").filter((word) => word !== "")
  if (words.length > MAX_SCOPES) return refuse({ reason: "scope_malformed", scope: TOO_MANY_SCOPES })
  const scopes: Scope[] = []
  for (const word of distinct(words)) {
    const scope = parseScope(word)
    if (!scope) return refuse({ reason: "scope_malformed", scope: printable(word) })
    scopes.push(scope)
  }
  return scopes
}

function withoutUndefined(bounds: Readonly<Record<string, z.infer<typeof boundSchema>>>): AskedPart["bounds"] {
  const entries = Object.entries(bounds).map(([name, bound]) => {
    const { eq, in: allowed, min, max, like, max_length } = bound
    return [
      name,
      {
        ...(eq === undefined ? {} : { eq }),
        ...(allowed === undefined ? {} : { in: allowed }),
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
        ...(like === undefined ? {} : { like }),
        ...(max_length === undefined ? {} : { max_length }),
      },
    ] as const
  })
  return Object.fromEntries(entries)
}
