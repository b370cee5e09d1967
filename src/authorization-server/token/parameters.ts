/**
 * The form of a token request (RFC 6749, section 3.2): parameters without a value count as absent, unknown ones are
 * ignored, and no parameter may be repeated except `resource` and `audience` (RFC 8693, section 2.1; RFC 8707, section
 * 2).
 */
import type { RequestedText } from "../../core/task/requested-grant.ts"
import { base64ToBytes } from "../../core/encoding/base64.ts"
import { boundedText } from "../../platform/request-body.ts"
import { asciiText } from "../../core/encoding/display-text.ts"
import { oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"

const MAX_FORM_BYTES = 65_536
const MAY_REPEAT = new Set(["resource", "audience"])
const FORM_TYPE = /^application\/x-www-form-urlencoded(?:;.*)?$/i

export type Parameters = ReadonlyMap<string, readonly string[]>

export async function readParameters(request: Request): Promise<Parameters | OAuthFailure> {
  const malformed = (what: string): OAuthFailure => oauthError({ reason: "request_malformed", what })
  if (!FORM_TYPE.test(request.headers.get("content-type") ?? "")) return malformed("its body is no form")
  const text = await boundedText(request, MAX_FORM_BYTES)
  if (text === null) return malformed("its body is too long, not UTF-8, or did not come in time")
  const { parameters, repeated } = gather(text)
  const [name] = repeated
  if (name !== undefined) return oauthError({ reason: "parameter_repeated", parameter: asciiText(name) })
  const client = parameters.has("client_id") ? null : publicClientIn(request.headers)
  return client === null ? parameters : new Map([...parameters, ["client_id", [client]]])
}

const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i

export function isBasic(headers: Headers): boolean {
  return /^basic(?: |$)/i.test(headers.get("authorization") ?? "")
}

/**
 * The client that names itself by HTTP Basic with an empty secret (RFC 6749, section 2.3.1), as some libraries do for a
 * public client: it says what `client_id` would. With a secret it is no public client, and there are no secrets here.
 * Not all libraries encode the id, so a colon in it, as of a URL, is one of the id.
 */
function publicClientIn(headers: Headers): string | null {
  const [, encoded] = BASIC.exec(headers.get("authorization") ?? "") ?? []
  const bytes = encoded === undefined ? null : base64ToBytes(encoded)
  const text = bytes && new TextDecoder().decode(bytes)
  if (!text?.endsWith(":") || text.length === 1) return null
  const id = text.slice(0, -1)
  return id.includes(":") ? id : new URLSearchParams(`id=${id.replaceAll("&", "%26")}`).get("id")
}

/** Of a form or a query; `repeated`: the parameters that must not be, in the order of their repetition. */
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

/**
 * Scopes by which OpenID clients request something other than a tool. They are ignored (RFC 6749, section 3.3): some
 * clients send them to every server, and the response states what was granted.
 */
const NO_TOOLS: ReadonlySet<string> = new Set(["openid", "profile", "email", "offline_access"])

/** The requested scope. Null if the request names none, or none that could be a tool's. */
export function scopeOf(parameters: Parameters): string | null {
  const scope = valueOf(parameters, "scope")
  const words = scope?.split(" ") ?? []
  if (!words.some((word) => NO_TOOLS.has(word))) return scope
  const left = words.filter((word) => word !== "" && !NO_TOOLS.has(word)).join(" ")
  return left === "" ? null : left
}

/** The parameters of a request that `readRequestedGrant` reads. */
export function requestedText(parameters: Parameters): RequestedText {
  return {
    scope: scopeOf(parameters),
    purpose: valueOf(parameters, "purpose"),
    authorizationDetails: valueOf(parameters, "authorization_details"),
  }
}

/** The one value of a parameter, or null. */
export function valueOf(parameters: Parameters, name: string): string | null {
  return parameters.get(name)?.[0] ?? null
}
