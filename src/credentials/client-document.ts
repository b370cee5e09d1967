/**
 * Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document). An agent whose id is a URL publishes
 * there its redirect URIs, and the keys by which it authenticates. Only documents of registered agents are fetched,
 * never by redirect. The cache holds the last valid document, and renews it after minutes. If its host is out of order,
 * that copy serves for a day; if the host answers with something else, no copy serves any more.
 */
import * as z from "zod"
import { parseJson } from "../core/catalog/json-body.ts"
import { isDenied } from "../core/denials/denial.ts"
import { logEvent } from "../platform/log.ts"
import { Refreshes, type RefreshPolicy } from "../platform/refresh.ts"
import type { IdentityDefinition } from "../core/policy/definition/agents.ts"
import { displayText } from "../core/encoding/display-text.ts"
import { ALGORITHMS } from "../core/keys/algorithm.ts"
import { FETCH_LIMITS, fetchJson, UnusableDocument } from "./key-sets/fetch-json.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { readShared, writeShared } from "./key-sets/shared-cache.ts"

const MAX_BYTES = 10_240
const POLICY: RefreshPolicy = {
  ...FETCH_LIMITS,
  refreshAfter: 300_000,
  // People are about to be sent to its URIs.
  waitAfter: 300_000,
  unusableAfter: 24 * 3_600_000,
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

/** Why there is no document of an agent. */
export interface DocumentProblem {
  readonly problem: string
  /** Its host is out of order, which is not the agent's fault. */
  readonly isDown: boolean
}

interface CachedDocument {
  readonly document: ClientDocument
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number
}
/** The last valid document of each agent, or what was wrong with what its host has answered since. */
const documents = new Map<string, CachedDocument | DocumentProblem>()
const refreshes = new Refreshes()

/** For tests: the state of a fresh isolate. */
export function forgetClientDocuments(): void {
  documents.clear()
  refreshes.clear()
}

/** The log says why there is none, too. */
export async function clientDocument(
  id: string,
  { now, local, background }: FetchContext,
): Promise<ClientDocument | DocumentProblem> {
  await refreshes.of(id).keep(ageOf(documents.get(id), now), POLICY, {
    now,
    background,
    async attempt() {
      const text = await fetchDocument(id, local)
      set(id, { document: readDocument(id, text), fetchedAt: now })
      background(share(id, text, now))
    },
    onFailure(error) {
      logEvent("client_document_not_fetched", { client: id, error: String(error) })
      if (!(error instanceof UnusableDocument)) return
      set(id, { problem: error.message, isDown: false })
      background(share(id, "", now))
    },
  })
  const kept = documents.get(id) ?? (await sharedDocument(id, now))
  if (kept && "problem" in kept) return kept
  return kept && ageOf(kept, now) < POLICY.unusableAfter
    ? kept.document
    : { problem: "its host is out of order", isDown: true }
}

const ageOf = (kept: CachedDocument | DocumentProblem | undefined, now: number): number =>
  kept && "document" in kept ? now - kept.fetchedAt : Number.POSITIVE_INFINITY

function set(id: string, kept: CachedDocument | DocumentProblem): void {
  documents.delete(id)
  dropOldest()
  documents.set(id, kept)
}

/** @param text of the valid document; empty if what its host answers is none */
async function share(id: string, text: string, fetchedAt: number): Promise<void> {
  await writeShared(placeOf(id), { text, fetchedAt, sequence: null }, POLICY.unusableAfter / 1_000)
}

/** What another isolate has fetched, for one that finds the host out of order. Undefined if there is nothing valid. */
async function sharedDocument(id: string, now: number): Promise<CachedDocument | undefined> {
  const shared = await readShared(placeOf(id))
  if (!shared || shared.text === "") return undefined
  const found = { document: readDocument(id, shared.text), fetchedAt: shared.fetchedAt }
  if (ageOf(found, now) < POLICY.unusableAfter) set(id, found)
  return found
}

/** Beside the key sets that have their URLs as places. */
const placeOf = (id: string): string => `client ${id}`

function dropOldest(): void {
  for (const id of documents.keys()) {
    if (documents.size < MAX_CACHED) return
    documents.delete(id)
  }
}

/** Throws as `fetchJson` does. */
async function fetchDocument(id: string, local: boolean): Promise<string> {
  const { text, type } = await fetchJson(id, local, MAX_BYTES)
  if (!/^application\/(?:[a-z0-9.-]+\+)?json\b/i.test(type)) throw new UnusableDocument("it is not served as JSON")
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

function problemOf({ issues: [issue] }: z.ZodError): string {
  const member = String(issue?.path[0] ?? "")
  return NO_SECRET.has(member)
    ? "it has a secret"
    : member === ""
      ? (issue?.message ?? "it is no document")
      : `its ${member} cannot be used`
}
const NO_SECRET: ReadonlySet<string> = new Set(["client_secret", "client_secret_expires_at"])

/** Throws if the document is invalid, or another agent's. */
function readDocument(id: string, text: string): ClientDocument {
  const parsed = parseJson(text)
  if (isDenied(parsed)) throw new UnusableDocument("it is not JSON that reads in one way")
  const { data: read, error } = schema.safeParse(parsed.json)
  if (error) throw new UnusableDocument(problemOf(error))
  if (read.client_id !== id) throw new UnusableDocument("it names another client's id")
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
