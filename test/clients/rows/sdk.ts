/** The official SDK for TypeScript in both generations: a person opens the link that it prints, and pastes the answer. */
import { Client, StreamableHTTPClientTransport, type OAuthClientProvider } from "@modelcontextprotocol/client"
import type { OAuthClientProvider as OldProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { z } from "zod"
import { ONLY_IN_WORDS, type Outcome, type Row, type Session } from "../row.ts"

const REDIRECT = "http://127.0.0.1:53211/callback"

/** What a program keeps in memory, for either generation. */
class Kept<Information, Tokens, Discovery> {
  readonly redirectUrl = REDIRECT
  readonly clientMetadata = { redirect_uris: [REDIRECT], client_name: "Notes" }
  readonly clientMetadataUrl: string
  readonly #open: (url: URL) => Promise<void>
  #information: Information | undefined
  #tokens: Tokens | undefined
  #discovery: Discovery | undefined
  #verifier = ""

  constructor(document: string, open: (url: URL) => Promise<void>) {
    this.clientMetadataUrl = document
    this.#open = open
  }
  clientInformation = (): Information | undefined => this.#information
  saveClientInformation = (information: Information): void => void (this.#information = information)
  tokens = (): Tokens | undefined => this.#tokens
  saveTokens = (tokens: Tokens): void => void (this.#tokens = tokens)
  saveDiscoveryState = (discovery: Discovery): void => void (this.#discovery = discovery)
  discoveryState = (): Discovery | undefined => this.#discovery
  redirectToAuthorization = async (url: URL): Promise<void> => this.#open(url)
  saveCodeVerifier = (verifier: string): void => void (this.#verifier = verifier)
  codeVerifier = (): string => this.#verifier
}

/** What both generations have of what is needed here. */
interface Connected {
  readonly callTool: (call: { name: string; arguments: Record<string, unknown> }) => Promise<unknown>
  readonly listResources: () => Promise<{ readonly resources: readonly { readonly uri: string }[] }>
  readonly listPrompts: () => Promise<{ readonly prompts: readonly { readonly name: string }[] }>
  readonly readResource: (which: { uri: string }) => Promise<unknown>
  readonly getPrompt: (which: { name: string }) => Promise<unknown>
  readonly close: () => Promise<void>
}

/**
 * @param connect resolves if it has a token; else a link has been opened
 * @param finish gets where that link has led
 */
interface Attempt {
  readonly connect: () => Promise<Connected>
  readonly finish: (back: URLSearchParams) => Promise<void>
}

export const sdk1: Row = {
  name: "typescript-1",
  title: "MCP TypeScript SDK 1.x",
  version: ["../../package.json", "@modelcontextprotocol/sdk"],
  start: async ({ document, clipboard }, { client, server, user }) => {
    const attempts = (open: (url: URL) => Promise<void>): (() => Attempt) => {
      type Of<Save extends "saveClientInformation" | "saveTokens" | "saveDiscoveryState"> = Parameters<
        NonNullable<OldProvider[Save]>
      >[0]
      const authProvider = new Kept<Of<"saveClientInformation">, Of<"saveTokens">, Of<"saveDiscoveryState">>(
        document(client),
        open,
      )
      return () => {
        const transport = new OldTransport(new URL(server), { authProvider })
        return {
          connect: async () => {
            const connecting = new OldClient({ name: "test", version: "1" })
            await connecting.connect(transport)
            return connecting
          },
          finish: async (back) => transport.finishAuth(back.get("code") ?? ""),
        }
      }
    }
    return converse(clipboard(user), attempts)
  },
  misses: {
    dialog: ONLY_IN_WORDS,
    stepUp: {
      reason: "It answers the challenge with its refresh token, which gives no more scope.",
      says: /Server returned 403 after trying upscoping/u,
    },
  },
}

export const sdk2: Row = {
  name: "typescript-2",
  title: "MCP TypeScript SDK 2.x",
  version: ["../../package.json", "@modelcontextprotocol/client"],
  start: async ({ document, clipboard }, { client, server, user, visit }) => {
    const attempts = (open: (url: URL) => Promise<void>): (() => Attempt) => {
      type Of<Save extends "saveClientInformation" | "saveTokens" | "saveDiscoveryState"> = Parameters<
        NonNullable<OAuthClientProvider[Save]>
      >[0]
      const authProvider = new Kept<Of<"saveClientInformation">, Of<"saveTokens">, Of<"saveDiscoveryState">>(
        document(client),
        open,
      )
      return () => {
        const transport = new StreamableHTTPClientTransport(new URL(server), { authProvider })
        return {
          connect: async () => {
            const connecting = new Client(
              { name: "test", version: "1" },
              { capabilities: { elicitation: { url: {} } }, versionNegotiation: { mode: "auto" } },
            )
            connecting.setRequestHandler("elicitation/create", async ({ params }) => ({
              action: params.mode === "url" && (await visit(params.url)) ? "accept" : "cancel",
            }))
            await connecting.connect(transport)
            return connecting
          },
          finish: async (back) => transport.finishAuth(back),
        }
      }
    }
    return converse(clipboard(user), attempts)
  },
  misses: {},
}

const result = z.looseObject({
  isError: z.boolean().optional(),
  content: z.array(z.looseObject({ text: z.string().optional() })),
  _meta: z.record(z.string(), z.unknown()).optional(),
})

/** As the documentation has it: when a link was opened, the answer is given to the transport, and the same is done again. */
async function converse(
  clipboard: string,
  attempts: (open: (url: URL) => Promise<void>) => () => Attempt,
): Promise<Session> {
  let led: URL | undefined
  const attempt = attempts(async (url) => {
    const response = await fetch(clipboard, { method: "POST", body: url.href })
    led = new URL(await response.text())
  })
  /** Whether the person has been sent away, and has come back since. */
  const returned = (): URL | undefined => {
    const back = led
    led = undefined
    return back
  }
  let current = attempt()
  const connect = async (): Promise<Connected> => {
    try {
      return await current.connect()
    } catch (error) {
      const back = returned()
      if (!back) throw error
      await current.finish(back.searchParams)
      current = attempt()
      return current.connect()
    }
  }
  let connected = await connect()
  const callTool = async (name: string, args: Record<string, unknown>): Promise<unknown> => {
    try {
      return await connected.callTool({ name, arguments: args })
    } catch (error) {
      const back = returned()
      if (!back) throw error
      await current.finish(back.searchParams)
      return connected.callTool({ name, arguments: args })
    }
  }
  return {
    async call(name, args): Promise<Outcome> {
      const { isError = false, content, _meta: meta } = result.parse(await callTool(name, { ...args }))
      return { failed: isError, text: content.map(({ text = "" }) => text).join(" "), meta }
    },
    async list(what) {
      const text =
        what === "resources"
          ? (await connected.listResources()).resources.map(({ uri }) => uri).join(" ")
          : (await connected.listPrompts()).prompts.map(({ name }) => name).join(" ")
      return { failed: false, text }
    },
    async get(what, name) {
      const got = await (what === "resources" ? connected.readResource({ uri: name }) : connected.getPrompt({ name }))
      return { failed: false, text: JSON.stringify(got) }
    },
    close: async () => connected.close(),
  }
}
