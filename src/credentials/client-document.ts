/**
 * Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document). An agent whose id is a URL publishes
 * there its redirect URIs, and the keys by which it authenticates. Only documents of registered agents are fetched,
 * never by redirect. The cache holds the parsed document, renews it after minutes, and drops it soon after it could not
 * be renewed.
 */
import * as z from "zod"
import { parseJson } from "../core/catalog/json-body.ts"
import { isDenied } from "../core/denials/denial.ts"
import { logEvent } from "../platform/log.ts"
import { Refreshes, type RefreshPolicy } from "../platform/refresh.ts"
import type { IdentityDefinition } from "../core/policy/definition/agents.ts"
import { displayText } from "../core/encoding/display-text.ts"
import { ALGORITHMS } from "../core/keys/algorithm.ts"
import { FETCH_LIMITS, fetchJson } from "./key-sets/fetch-json.ts"
import type { FetchContext } from "./key-sets/key-set.ts"

const MAX_BYTES = 10_240
const POLICY: RefreshPolicy = {
  ...FETCH_LIMITS,
  refreshAfter: 300_000,
  // People are about to be sent to its URIs.
  waitAfter: 300_000,
  unusableAfter: 900_000,
}
/** Registered agents can be many; at worst, a document is fetched again. */
const MAX_CACHED = 1_000
const MAX_NAME = 80

export interface ClientDocument {
  /** The name that the agent gives itself: an unverified claim. */
  readonly name: string | null
  readonly redirectUris: readonly string[]
  /** How the agent authenticates by keys of its own. Null if it has none, and so cannot. */
  readonly identity: IdentityDefinition | null
}

interface CachedDocument {
  readonly document: ClientDocument
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number
}
const documents = new Map<string, CachedDocument>()
const refreshes = new Refreshes()

/** For tests: the state of a fresh isolate. */
export function forgetClientDocuments(): void {
  documents.clear()
  refreshes.clear()
}

/** Null if it cannot be fetched or is invalid: the log says why. */
export async function clientDocument(
  id: string,
  { now, local, background }: FetchContext,
): Promise<ClientDocument | null> {
  const ageNow = (): number => now - (documents.get(id)?.fetchedAt ?? Number.NEGATIVE_INFINITY)
  await refreshes.of(id).keep(ageNow(), POLICY, {
    now,
    background,
    async attempt() {
      const document = readDocument(id, await fetchDocument(id, local))
      dropOldest()
      documents.set(id, { document, fetchedAt: now })
    },
    onFailure: (error) => logEvent("client_document_not_fetched", { client: id, error: String(error) }),
  })
  return ageNow() < POLICY.unusableAfter ? (documents.get(id)?.document ?? null) : null
}

function dropOldest(): void {
  for (const id of documents.keys()) {
    if (documents.size < MAX_CACHED) return
    documents.delete(id)
  }
}

/** Throws if it cannot be fetched as required. */
async function fetchDocument(id: string, local: boolean): Promise<string> {
  const { text, type } = await fetchJson(id, local, MAX_BYTES)
  if (!/^application\/(?:[a-z0-9.-]+\+)?json\b/i.test(type)) throw new Error("it is not served as JSON")
  return text
}

const publicKey = z.looseObject({ kty: z.enum(["EC", "RSA", "OKP"]) }).refine((key) => !("d" in key), "a private key")

/** Section 4.1: no secret, as its readers would share it, and no method that would need one. Logos are not shown. */
const schema = z
  .looseObject({
    client_id: z.string(),
    client_name: z.string().optional(),
    redirect_uris: z.array(z.string().max(2_048)).min(1).max(64),
    token_endpoint_auth_method: z.enum(["none", "private_key_jwt"]).default("none"),
    grant_types: z
      .array(z.string())
      .refine((types) => types.includes("authorization_code"), "not for authorization codes")
      .optional(),
    response_types: z
      .array(z.string())
      .refine((types) => types.includes("code"), "not for authorization codes")
      .optional(),
    jwks: z.looseObject({ keys: z.array(publicKey).min(1).max(16) }).optional(),
    jwks_uri: z.url().optional(),
    client_secret: z.undefined().optional(),
    client_secret_expires_at: z.undefined().optional(),
  })
  .refine(({ jwks, jwks_uri }) => jwks === undefined || jwks_uri === undefined, "keys come from one place")
  .refine(
    ({ token_endpoint_auth_method: method, jwks, jwks_uri }) =>
      method === "none" || jwks !== undefined || jwks_uri !== undefined,
    "it has no keys to prove itself by",
  )

/** Throws if the document is invalid, or another agent's. */
function readDocument(id: string, text: string): ClientDocument {
  const parsed = parseJson(text)
  if (isDenied(parsed)) throw new Error("it is not JSON that reads in one way")
  const read = schema.parse(parsed.json)
  if (read.client_id !== id) throw new Error("it is another client's")
  const { jwks, jwks_uri: uri } = read
  const keys =
    uri === undefined
      ? ({ kind: "inline", jwks: { keys: jwks?.keys ?? [] } } as const)
      : ({ kind: "jwks_uri", uri } as const)
  const name = displayText(read.client_name ?? "", MAX_NAME)
  return {
    name: name === "" ? null : name,
    redirectUris: read.redirect_uris,
    identity:
      read.token_endpoint_auth_method === "none"
        ? null
        : { kind: "private_key_jwt", keys, algorithms: Object.keys(ALGORITHMS) },
  }
}
