/** The metadata with which a client registers itself (RFC 7591, section 2). What it does not name is ignored. */
import * as z from "zod"
import { isStrangersRedirectUri } from "../../core/encoding/redirect-uri.ts"
import { displayText } from "../../core/encoding/display-text.ts"
import { isJsonType, isObject, readJson } from "../../core/encoding/json.ts"
import { oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { boundedText } from "../../platform/request-body.ts"

export interface ClientMetadata {
  readonly name: string | null
  readonly redirectUris: readonly string[]
  readonly grantTypes: readonly string[]
}

const MAX_BYTES = 10_240
const MAX_PARTS = 500
const MAX_URIS = 16
const MAX_NAME = 80

const metadata = z.looseObject({
  client_name: z.string().nullish(),
  // RFC 7591, section 2: without a method it would be one with a secret. The response says what the client gets: none.
  token_endpoint_auth_method: z.literal("none").nullish(),
  grant_types: z.array(z.enum(["authorization_code", "refresh_token"])).nullish(),
  response_types: z.array(z.literal("code")).nullish(),
  client_secret: z.null().optional(),
})

const WRONG: Readonly<Record<string, string>> = {
  client_name: "client_name is no text",
  token_endpoint_auth_method: "token_endpoint_auth_method is none, because only public clients can register",
  grant_types: "grant_types are authorization_code and refresh_token",
  response_types: "response_types is code alone",
  client_secret: "a public client has no client_secret",
}

const refused = (what: string): OAuthFailure => oauthError({ reason: "metadata_refused", what })

export async function readMetadata(request: Request): Promise<ClientMetadata | OAuthFailure> {
  if (!isJsonType(request.headers.get("content-type"))) return refused("its body is not of the type application/json")
  const text = await boundedText(request, MAX_BYTES)
  if (text === null) return refused(`its body is longer than ${MAX_BYTES} bytes, not UTF-8, or did not come in time`)
  const read = readJson(text, MAX_PARTS)
  if ("objection" in read) return refused(read.objection)
  if (!isObject(read.json)) return refused("it is no object")
  const redirectUris = readUris(read.json["redirect_uris"])
  if ("refused" in redirectUris) return redirectUris
  const { data, error } = metadata.safeParse(read.json)
  if (error) return refused(WRONG[String(error.issues[0]?.path[0])] ?? "it is malformed")
  const grantTypes = [...new Set(data.grant_types ?? ["authorization_code"])]
  if (!grantTypes.includes("authorization_code")) return refused("grant_types lacks authorization_code")
  const name = displayText(data.client_name ?? "", MAX_NAME)
  return { name: name === "" ? null : name, redirectUris, grantTypes }
}

function readUris(given: unknown): readonly string[] | OAuthFailure {
  const wrong = (what: string): OAuthFailure => oauthError({ reason: "registered_uri_refused", what })
  if (!Array.isArray(given) || given.length === 0) return wrong("redirect_uris is missing")
  if (given.length > MAX_URIS) return wrong(`there are more than ${MAX_URIS}`)
  const uris = given.filter((uri): uri is string => typeof uri === "string" && isStrangersRedirectUri(uri))
  if (uris.length < given.length) {
    return wrong("each is https, http at 127.0.0.1, [::1] or localhost, or an app's own scheme, in its usual spelling")
  }
  return [...new Set(uris)]
}
