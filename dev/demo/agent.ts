/**
 * An agent as anybody would write one: it authenticates, exchanges its user's session for a delegation token, and calls
 * tools through a gateway: MCP by the official clients of both generations, or plain HTTP.
 */
import { randomUUID } from "node:crypto"
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from "@modelcontextprotocol/client"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose"
import { z } from "zod"
import { workloadIdentity } from "../../cli/remote/local-stack-login.ts"

const tokenSchema = z.object({
  access_token: z.string(),
  token_type: z.enum(["Bearer", "DPoP"]),
  expires_in: z.number(),
  scope: z.string(),
  task: z.string(),
})
export type Token = z.infer<typeof tokenSchema>

/** What the agent saw of an answer: the gateway's report of the decision. */
export interface Seen {
  readonly status: number
  readonly code: string | null
  readonly decisionId: string | null
}

export interface Key {
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
  readonly thumbprint: string
}

export async function makeKey(): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair("ES256")
  const publicJwk = await exportJWK(publicKey)
  return { privateKey, publicJwk, thumbprint: await calculateJwkThumbprint(publicJwk) }
}

export interface Where {
  readonly narrowgate: string
  readonly provider: string
}

export interface Wanted {
  readonly agent: string
  /** The user's session token, or a parent task's delegation token; absent: the agent acts on its own. */
  readonly subject?: string
  readonly purpose?: string
  readonly scope?: string
  readonly details?: unknown
  readonly key?: Key
}

export async function getToken(
  where: Where,
  wanted: Wanted,
): Promise<{ readonly token: Token | null; readonly seen: Seen }> {
  const { narrowgate, provider } = where
  const identity = await workloadIdentity({ origin: provider, id: wanted.agent, audience: narrowgate })
  const form = new URLSearchParams(
    wanted.subject === undefined
      ? {
          grant_type: "client_credentials",
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
          client_assertion: identity,
        }
      : {
          grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
          subject_token: wanted.subject,
          subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
          actor_token: identity,
          actor_token_type: "urn:ietf:params:oauth:token-type:jwt",
        },
  )
  if (wanted.purpose !== undefined) form.set("purpose", wanted.purpose)
  if (wanted.scope !== undefined) form.set("scope", wanted.scope)
  if (wanted.details !== undefined) form.set("authorization_details", JSON.stringify(wanted.details))
  const url = `${narrowgate}/oauth/token`
  const headers = wanted.key ? { DPoP: await prove(wanted.key, "POST", url, null) } : {}
  const response = await fetch(url, { method: "POST", body: form, headers })
  const body: unknown = await response.json()
  const decisionId = response.headers.get("x-narrowgate-decision")
  if (response.ok) return { token: tokenSchema.parse(body), seen: { status: response.status, code: null, decisionId } }
  const { error } = z.object({ error: z.string() }).parse(body)
  return { token: null, seen: { status: response.status, code: error, decisionId } }
}

/** A DPoP proof (RFC 9449, section 4.2). */
export async function prove(key: Key, method: string, uri: string, token: string | null): Promise<string> {
  const digest = token === null ? null : await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))
  const ath = digest === null ? {} : { ath: Buffer.from(digest).toString("base64url") }
  return new SignJWT({ htm: method, htu: uri, jti: randomUUID(), ...ath })
    .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk: key.publicJwk })
    .setIssuedAt()
    .sign(key.privateKey)
}

/** Stores the gateway's last answer, whatever a client library makes of it. */
function listening(): { readonly fetch: typeof fetch; readonly last: () => Seen } {
  let seen: Seen = { status: 0, code: null, decisionId: null }
  return {
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      const method = init?.method ?? "GET"
      // A client opens its event stream beside the calls; only the calls are reported here.
      if (method === "POST") {
        const { status, headers } = response
        seen = { status, code: headers.get("x-narrowgate-code"), decisionId: headers.get("x-narrowgate-decision") }
      }
      return response
    },
    last: () => seen,
  }
}

export interface McpAgent {
  readonly call: (tool: string, args: Record<string, unknown>) => Promise<Seen>
  readonly close: () => Promise<void>
}

/** SDK v1: MCP 2025-11-25, the call is in the body only. */
export async function connectV1(url: string, token: string): Promise<McpAgent> {
  const ear = listening()
  const client = new OldClient({ name: "narrowgate-demo", version: "1" })
  const transport = new OldTransport(new URL(url), {
    fetch: ear.fetch,
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  })
  await client.connect(transport)
  return {
    async call(tool, args) {
      await client.callTool({ name: tool, arguments: args }).catch(() => undefined)
      return ear.last()
    },
    close: async () => client.close(),
  }
}

/** SDK v2: MCP 2026-07-28, the call is in the headers too. */
export async function connectV2(url: string, token: string): Promise<McpAgent> {
  const ear = listening()
  const client = new NewClient({ name: "narrowgate-demo", version: "1" }, { versionNegotiation: { mode: "auto" } })
  const transport = new NewTransport(new URL(url), {
    fetch: ear.fetch,
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  })
  await client.connect(transport)
  return {
    async call(tool, args) {
      await client.callTool({ name: tool, arguments: args }).catch(() => undefined)
      return ear.last()
    },
    close: async () => client.close(),
  }
}

/** Plain HTTP. With a key, the token is sent under the DPoP scheme, with a proof made by that key. */
export async function callHttp(
  method: string,
  url: string,
  token: string,
  options: { readonly key?: Key; readonly json?: unknown } = {},
): Promise<Seen> {
  const headers = new Headers()
  if (options.key) {
    headers.set("authorization", `DPoP ${token}`)
    headers.set("dpop", await prove(options.key, method, url, token))
  } else headers.set("authorization", `Bearer ${token}`)
  const body = options.json === undefined ? null : JSON.stringify(options.json)
  if (body !== null) headers.set("content-type", "application/json")
  const response = await fetch(url, { method, headers, body })
  await response.arrayBuffer()
  const { status } = response
  return {
    status,
    code: response.headers.get("x-narrowgate-code"),
    decisionId: response.headers.get("x-narrowgate-decision"),
  }
}
