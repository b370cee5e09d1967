/** One client: how it is started, and what of the matrix it cannot do. */
import type { JWK } from "jose"
import type { World } from "./world.ts"

/** What the client's user sees of a call: the developer, or the model. */
export interface Outcome {
  /** Whether the client says that it has failed. */
  readonly failed: boolean
  readonly text: string
  /** `_meta` of the result, where the client shows it to the developer. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined
}

export type Kind = "resources" | "prompts"

export interface Session {
  readonly call: (tool: string, args: Readonly<Record<string, string>>) => Promise<Outcome>
  /** What it lists, as one text. */
  readonly list: (what: Kind) => Promise<Outcome>
  /** Reads one, or gets it; what there is in it, as one text. */
  readonly get: (what: Kind, name: string) => Promise<Outcome>
  readonly close: () => Promise<void>
}

export type Column = "call" | "survives" | "why" | "approval" | "dialog" | "stepUp" | "lists"

/** In their order: what each asks. */
export const COLUMNS: ReadonlyMap<Column, string> = new Map([
  ["call", "401 to a call"],
  ["survives", "denial survived"],
  ["why", "told why"],
  ["approval", "approval awaited"],
  ["dialog", "approval by a dialog"],
  ["stepUp", "step-up"],
  ["lists", "resources, prompts"],
])

export interface Miss {
  /** A sentence, for the table. */
  readonly reason: string
  /** What the client then says: the test fails if that changes. */
  readonly says: RegExp
}

export type Start = (world: World, order: Order) => Promise<Session>

export const ONLY_AT_FIRST: Miss = {
  reason: "It follows the link only while it connects, and a later call has none.",
  says: /^UnauthorizedError: Unauthorized$/u,
}

export const ONLY_IN_WORDS: Miss = {
  reason: "It does not say with a call that it can show its user a page: the page's address stands in the words.",
  says: /It can be approved at http:/u,
}

/** A line of a table. */
export interface Line<Of extends string> {
  /** Also the last part of its document's URL. */
  readonly name: string
  /** As the table names it. */
  readonly title: string
  /** The package whose version the table names, and the manifest of this folder that pins it. */
  readonly version: readonly [manifest: string, name: string]
  /** What it cannot do; all else it does. */
  readonly misses: Partial<Readonly<Record<Of, Miss>>>
}

export interface Row extends Line<Column> {
  readonly redirects?: readonly string[]
  /** It registers itself, under this name, and so has no document. */
  readonly registersAs?: string
  readonly start: Start
}

export interface Order {
  /** Name of its row. */
  readonly client: string
  /** URL of the MCP server. */
  readonly server: string
  /** Who is at the browser. */
  readonly user: string
  /** Of the client: an empty one, in which it may keep what it likes. */
  readonly home: string
  /** What its user does with a page that the client shows for the server; whether they have done what it is for. */
  readonly visit: (url: string) => Promise<boolean>
}

/** A client of OAuth and what its tokens open, grant by grant. */
export type Grant = "code" | "credentials" | "exchange"

export const GRANTS: ReadonlyMap<Grant, string> = new Map([
  ["code", "authorization code, PKCE"],
  ["credentials", "client credentials by `private_key_jwt`"],
  ["exchange", "token exchange"],
])

export interface GrantOrder {
  readonly issuer: string
  readonly authorize: string
  readonly token: string
  /** A public client. */
  readonly document: string
  readonly redirect: string
  /** A client with a key. */
  readonly robot: string
  readonly key: JWK
  /** A person's, which an app hands on. */
  readonly session: string
  readonly resource: string
  /** URL of what is called. */
  readonly call: string
  /** The URL to which one posts a link that somebody is to open. */
  readonly browser: string
}

export interface GrantRow extends Line<Grant> {
  /** @returns what was called with the token of each grant, or why it could not be */
  readonly take: (order: GrantOrder) => Promise<Partial<Readonly<Record<Grant, string>>>>
}
