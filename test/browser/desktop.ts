/**
 * A program on somebody's machine that uses tools: an unchanged client of MCP without any token, which sends its user to
 * their browser and is told there where to come back to (RFC 8252 7.3).
 */
import { createServer } from "node:http"
import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { OAuthTokens } from "@modelcontextprotocol/sdk/shared/auth.js"
import { listen } from "../../dev/loopback.ts"

export const DESKTOP = "https://agents.example/desktop"

/** As an entry of agents.yaml. */
export const desktopEntry = {
  id: DESKTOP,
  client: { redirect_uris: ["http://127.0.0.1/callback"], authentication: "none" },
  owner: "support-team",
  groups: ["support"],
  ceiling: { tools: ["billing.*:read", "billing.*:write", "crm.tickets.*:read"], max_sensitivity: "confidential" },
  purposes: ["refund-order"],
}

export interface Desktop {
  /** What a call came to: its text, or how it was refused. */
  readonly call: (tool: string, args: Record<string, unknown>) => Promise<Called>
  readonly tokens: () => OAuthTokens | undefined
  readonly close: () => Promise<void>
}

export interface Called {
  readonly status: number
  /** Narrowgate's; null if it was not denied. */
  readonly code: string | null
  /** Of the last answer to a POST, as JSON where it is some. */
  readonly body: unknown
}

/** @param visit opens a page in the user's browser */
export async function startDesktop(url: URL, visit: (url: URL) => Promise<void>): Promise<Desktop> {
  const { promise: arrived, resolve } = Promise.withResolvers<URL>()
  const callback = await listen(
    createServer((request, response) => {
      response.end("You may close this page.\n")
      if (request.url?.startsWith("/callback?")) resolve(new URL(request.url, "http://127.0.0.1"))
    }),
    0,
  )
  let tokens: OAuthTokens | undefined
  let verifier = ""
  let last: Called = { status: 0, code: null, body: null }
  const state = crypto.randomUUID()
  const provider: OAuthClientProvider = {
    redirectUrl: `${callback.origin}/callback`,
    clientMetadata: { client_name: "Desktop", redirect_uris: [`${callback.origin}/callback`] },
    state: () => state,
    clientInformation: () => ({ client_id: DESKTOP }),
    tokens: () => tokens,
    saveTokens: (saved) => {
      tokens = saved
    },
    redirectToAuthorization: visit,
    saveCodeVerifier: (saved) => {
      verifier = saved
    },
    codeVerifier: () => verifier,
  }
  const options = {
    authProvider: provider,
    fetch: async (input: string | URL, init?: RequestInit) => {
      const answer = await fetch(input, init)
      // A client that is refused asks for a token by itself: what is told is the tool's answer.
      if (init?.method === "POST" && String(input) === url.href) {
        const body: unknown = await answer
          .clone()
          .json()
          .catch(() => null)
        last = { status: answer.status, code: answer.headers.get("x-narrowgate-code"), body }
      }
      return answer
    },
  }
  const first = new StreamableHTTPClientTransport(url, options)
  const refused = await new Client({ name: "desktop", version: "1" }).connect(first).catch((error: unknown) => error)
  if (!(refused instanceof Error)) throw new Error("nobody was asked")
  const answer = await arrived
  if (answer.searchParams.get("state") !== state) throw new Error("an answer to another request")
  await first.finishAuth(answer.searchParams.get("code") ?? "")
  const client = new Client({ name: "desktop", version: "1" })
  await client.connect(new StreamableHTTPClientTransport(url, options))
  return {
    async call(name, args) {
      await client.callTool({ name, arguments: args }).catch(() => undefined)
      return last
    },
    tokens: () => tokens,
    async close() {
      await client.close()
      await callback.close()
    },
  }
}
