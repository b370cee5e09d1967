/** Documents and values that clients, issuers and agents' owners send: keys, metadata, scopes, redirect URIs, SPIFFE IDs. */
import { importJWK } from "jose"
import { describe, expect, test } from "vitest"
import { formatScope } from "../../src/core/catalog/pattern.ts"
import { clientDocument, forgetClientDocuments } from "../../src/credentials/client-document.ts"
import { readKeyDocument } from "../../src/credentials/key-sets/key-document.ts"
import { trustDomainOf } from "../../src/credentials/spiffe-id.ts"
import { requestedText, gather } from "../../src/authorization-server/token/parameters.ts"
import { answerAt, isRedirectUri, isRegistered } from "../../src/core/encoding/redirect-uri.ts"
import { readRequestedGrant } from "../../src/core/task/requested-grant.ts"
import { newSigner } from "../harness/forge.ts"
import { Place } from "../harness/places.ts"
import { FUZZ_TIMEOUT, fuzz } from "./fuzz.ts"
import { sameToSome } from "./readers.ts"

const [ec, rsa, okp] = await Promise.all([newSigner("ec-1"), newSigner("rsa-1", "RS256"), newSigner("ed-1", "EdDSA")])
const KEYS = [ec, rsa, okp].map(({ publicJwk }) => publicJwk)
const ALGORITHMS = ["ES256", "RS256", "EdDSA"]
const KEY_WORDS = [
  "kty",
  "crv",
  "x",
  "y",
  "n",
  "e",
  "d",
  "k",
  "kid",
  "alg",
  "use",
  "key_ops",
  "AQAB",
  "AQ",
  "oct",
  "P-384",
]

describe.each(["jwks", "spiffe_bundle"] as const)("a document of keys (%s)", (kind) => {
  test(
    "gives public keys of its own alone, each of which the library imports, and is no document or throws an error",
    async () => {
      const use = kind === "jwks" ? {} : { use: "jwt-svid" }
      const keys = KEYS.map((jwk) => ({ ...jwk, ...use }))
      await fuzz({
        parser: kind,
        seeds: [
          JSON.stringify({ keys, spiffe_sequence: 12, spiffe_refresh_hint: 60 }),
          JSON.stringify({ keys: keys.slice(0, 1) }),
        ],
        words: KEY_WORDS,
        json: true,
        runs: 400,
        async check(text) {
          const document = await readKeyDocument(text, kind, ALGORITHMS).catch((error: unknown) => error)
          if (document instanceof Error) return false
          if (typeof document !== "object" || !document || !("keys" in document)) throw new Error("it is neither")
          const read = Object.assign(document)
          const listed: readonly Record<string, unknown>[] = JSON.parse(text).keys
          expect(read.keys.length).toBeLessThanOrEqual(listed.length)
          for (const { kid, alg, key } of read.keys) {
            expect([key.type, key.usages]).toEqual(["public", ["verify"]])
            expect(ALGORITHMS).toContain(alg)
            const own = listed.filter((jwk) => (jwk["kid"] ?? null) === kid || typeof jwk["kid"] !== "string")
            const imported = await Promise.all(own.map(async (jwk) => sameKey(jwk, alg, key)))
            expect(imported).toContain(true)
            if (alg === "RS256") expect(key.algorithm.modulusLength).toBeGreaterThanOrEqual(2048)
          }
          const ids = read.keys.map((key: { kid: string | null; alg: string }) => `${key.kid} ${key.alg}`)
          expect(new Set(ids.filter((id: string) => !id.startsWith("null"))).size).toBe(
            ids.filter((id: string) => !id.startsWith("null")).length,
          )
          expect(read.renewAfter).toBeGreaterThanOrEqual(10_000)
          expect(read.renewAfter).toBeLessThanOrEqual(1_800_000)
          return read.keys.length > 0
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

/** Whether the library makes the same key of what stands in the document. */
async function sameKey(jwk: Record<string, unknown>, alg: string, key: CryptoKey): Promise<boolean> {
  const { kty, crv, x, y, n, e } = jwk
  const imported = await importJWK(JSON.parse(JSON.stringify({ kty, crv, x, y, n, e })), alg, {
    extractable: true,
  }).catch(() => null)
  if (imported === null || imported instanceof Uint8Array) return false
  const [ours, theirs] = await Promise.all([key, imported].map(async (each) => crypto.subtle.exportKey("jwk", each)))
  const { ext: _ext, key_ops: _ops, ...members } = Object(ours)
  expect(Object(theirs)).toMatchObject(members)
  return true
}

describe("a Client ID Metadata Document", () => {
  test(
    "that is accepted names its own client and where it may be sent, and holds no secret of it",
    async () => {
      const place = new Place()
      const document = {
        client_id: place.uri,
        client_name: "Notes",
        redirect_uris: ["https://app.test/callback", "http://127.0.0.1/callback"],
        token_endpoint_auth_method: "private_key_jwt",
        jwks: { keys: [ec.publicJwk] },
      }
      await fuzz({
        parser: "client-document",
        seeds: [JSON.stringify(document), JSON.stringify({ ...document, token_endpoint_auth_method: "none" })],
        words: [
          "client_id",
          "client_secret",
          "redirect_uris",
          "jwks",
          "jwks_uri",
          "d",
          "client_secret_basic",
          "grant_types",
        ],
        json: true,
        runs: 150,
        async check(text) {
          forgetClientDocuments()
          await place.answers({ headers: { "content-type": "application/json" }, body: text })
          const read = await clientDocument(place.uri, {
            now: 1_800_000_000_000,
            local: true,
            background: () => undefined,
          })
          if (!read) return false
          const json = JSON.parse(text)
          expect(json.client_id).toBe(place.uri)
          expect(read.redirectUris).toEqual(json.redirect_uris)
          expect(json).not.toHaveProperty("client_secret")
          expect(json.jwks?.keys?.some((key: object) => "d" in key) ?? false).toBe(false)
          const proves = json.token_endpoint_auth_method === "private_key_jwt"
          expect(read.identity?.kind ?? null).toBe(proves ? "private_key_jwt" : null)
          expect(read.name ?? "").not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
          expect((read.name ?? "").length).toBeLessThanOrEqual(81)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

describe("the form of a token request", () => {
  const SCOPED = "grant_type=x&scope=files.*%3Aread+mail.send%3Awrite&purpose=work&resource=a&resource=b"

  test(
    "is read as any form parser reads it, no parameter twice",
    async () => {
      await fuzz({
        parser: "form",
        seeds: [SCOPED, "scope=*:read", "scope=a.b.*:execute&audience=a&audience=b"],
        words: [
          "&scope=",
          "&audience=",
          "%20",
          "+",
          ":read",
          ":write",
          "*",
          ".*",
          "openid",
          "profile",
          "offline_access",
          "Scope=",
          "&scope[]=",
        ],
        runs: 4_000,
        check(text) {
          const { parameters, repeated } = gather(text)
          const given = [...new URLSearchParams(text)].filter(([, value]) => value !== "")
          const valuesOf = (name: string): string[] => given.filter(([key]) => key === name).map(([, value]) => value)
          expect(new Set(given.map(([name]) => name))).toEqual(new Set(parameters.keys()))
          for (const [name, values] of parameters) {
            const mayRepeat = name === "resource" || name === "audience"
            expect(values).toEqual(mayRepeat ? valuesOf(name) : valuesOf(name).slice(0, 1))
            expect(repeated.includes(name)).toBe(!mayRepeat && valuesOf(name).length > 1)
          }
          const read = readRequestedGrant(requestedText(parameters))
          if ("refused" in read || repeated.length > 0) return false
          const all = valuesOf("scope")[0]
            ?.split(" ")
            .filter((word) => word !== "")
          const left = all?.filter((word) => !["openid", "profile", "email", "offline_access"].includes(word))
          // Without a tool's scope beside those of OpenID, it is as if there was none.
          const words = left?.length === 0 && all?.length !== 0 ? undefined : left
          const asked = read.requested.parts?.flatMap((part) => part.scopes.map(formatScope)) ?? null
          expect(asked).toEqual(words ? [...new Set(words)] : null)
          expect(read.purpose).toBe(valuesOf("purpose")[0] ?? null)
          for (const scope of asked ?? []) expect(scope).toMatch(/^[\w.*-]+:(?:read|write|execute)$/)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )

  test(
    "asks in authorization_details for what they say and for no more",
    async () => {
      const details = [
        {
          type: "narrowgate_call",
          tools: ["till.*", "mail.send"],
          actions: ["read", "write"],
          max_sensitivity: "internal",
          arguments: { to: { in: ["a", 1, true], max_length: 5 }, amount: { min: 0, max: 9.5 } },
          calls: 3,
          purpose: "work",
        },
        { type: "narrowgate_call", tools: ["files.read"], actions: ["read"] },
      ]
      await fuzz({
        parser: "authorization-details",
        seeds: [JSON.stringify(details), JSON.stringify(details.slice(1))],
        words: [
          "type",
          "tools",
          "actions",
          "arguments",
          "calls",
          "purpose",
          "eq",
          "in",
          "min",
          "max",
          "like",
          "max_length",
        ],
        json: true,
        runs: 3_000,
        check(text) {
          const read = readRequestedGrant({ scope: null, purpose: null, authorizationDetails: text })
          if ("refused" in read) return false
          const json: readonly Record<string, never>[] = JSON.parse(text)
          const { parts, calls, inDetails } = read.requested
          expect([inDetails, parts?.length]).toEqual([true, json.length])
          for (const [index, part] of (parts ?? []).entries()) {
            const {
              tools = [],
              actions = [],
              arguments: bounds = {},
              max_sensitivity = null,
              ...rest
            } = json[index] ?? {}
            const pairs = [...new Set<string>(tools)].flatMap((tool) =>
              [...new Set<string>(actions)].map((action) => `${tool}:${action}`),
            )
            expect(part.scopes.map(formatScope)).toEqual(pairs)
            expect(part.maxSensitivity).toBe(max_sensitivity)
            // A bound that was lost would be authority that nobody asked for.
            expect(Object.keys(part.bounds)).toEqual(Object.keys(bounds))
            expect(part.bounds).toEqual(bounds)
            expect(Object.keys(rest).filter((name) => !["type", "calls", "purpose"].includes(name))).toEqual([])
            expect(new Set(Object.keys(bounds).map(sameToSome)).size).toBe(Object.keys(bounds).length)
          }
          const counts = json.flatMap((each) => each["calls"] ?? [])
          expect(calls).toBe(counts.length === 0 ? null : Math.min(...counts))
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

describe("a redirect URI", () => {
  test(
    "that may be registered is on the web with TLS or on one's own machine, as it is written",
    async () => {
      await fuzz({
        parser: "redirect-uri",
        seeds: [
          "https://app.test/callback?x=1",
          "http://127.0.0.1:8080/callback",
          "http://[::1]/",
          "http://localhost/cb",
        ],
        words: [
          "@evil.test",
          ":80@evil.test",
          "evil.test",
          "javascript:",
          "\\@",
          "//",
          "#",
          "%00",
          "localhost.evil.test",
          "[::ffff:7f00:1]",
        ],
        runs: 5_000,
        check(uri) {
          const registered = [
            "https://app.test/callback?x=1",
            "http://127.0.0.1/callback",
            "http://[::1]/",
            "http://localhost/cb",
            "com.example.app:/callback",
          ]
          const known = isRegistered(registered, uri)
          if (!isRedirectUri(uri)) {
            expect(known).toBe(false)
            return false
          }
          const url = new URL(uri)
          expect([uri, `${uri}/`]).toContain(url.href)
          expect([url.username, url.password, url.hash]).toEqual(["", "", ""])
          if (url.protocol === "http:") expect(["127.0.0.1", "[::1]", "localhost"]).toContain(url.hostname)
          else
            expect(url.protocol).toMatch(
              /^(?:https|cursor|vscode|vscode-insiders|[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+):$/,
            )
          if (known) {
            const port = ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname) ? "" : url.port
            const same = registered.map((each) => new URL(each)).filter((each) => each.hostname === url.hostname)
            expect(
              same.map(({ protocol, port, pathname, search }) => [protocol, port, pathname, search]),
            ).toContainEqual([url.protocol, port, url.pathname, url.search])
          }
          const answer = new URL(answerAt(uri, { code: "c&d=e", state: null, iss: "https://authz.example" }))
          expect([answer.origin, answer.pathname]).toEqual([url.origin, url.pathname])
          expect([...answer.searchParams]).toEqual([
            ...url.searchParams,
            ["code", "c&d=e"],
            ["iss", "https://authz.example"],
          ])
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

describe("a SPIFFE ID", () => {
  test(
    "that is accepted has the trust domain that a URL parser reads as its host",
    async () => {
      await fuzz({
        parser: "spiffe-id",
        seeds: ["spiffe://example.org/agent/first", "spiffe://example.org"],
        words: ["spiffe://", "example.org", "@", ":443", "/../", "%2e", "?", "#", "EXAMPLE.org", "//"],
        runs: 3_000,
        check(id) {
          const domain = trustDomainOf(id)
          if (domain === null) return false
          const url = new URL(id)
          expect([url.protocol, url.host, url.search, url.hash, url.username]).toEqual(["spiffe:", domain, "", "", ""])
          expect(url.href).toBe(id)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})
