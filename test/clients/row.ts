/** One client: how it is started, and what of the matrix it cannot do. */
import type { World } from "./world.ts"

/** What the client's user sees of a call: the developer, or the model. */
export interface Outcome {
  /** Whether the client says that it has failed. */
  readonly failed: boolean
  readonly text: string
}

export interface Session {
  readonly call: (tool: string, args: Readonly<Record<string, string>>) => Promise<Outcome>
  /** What it lists, as one text. */
  readonly list: (what: "resources" | "prompts") => Promise<Outcome>
  readonly close: () => Promise<void>
}

/** The columns, in their order: what each asks. */
export const COLUMNS = {
  call: "from a 401 to an allowed call",
  survives: "a denied call that the session survives",
  why: "says why",
  approval: "an approval that is waited for",
  stepUp: "a step-up to more scope",
  lists: "resources and prompts",
} as const
export type Column = keyof typeof COLUMNS

export interface Miss {
  /** A sentence, for the table. */
  readonly reason: string
  /** What the client then says: the test fails if that changes. */
  readonly says: RegExp
}

export type Start = (world: World, order: Order) => Promise<Session>

export interface Row {
  /** Also the last part of its document's URL. */
  readonly name: string
  /** As the table names it. */
  readonly title: string
  /** The package whose version the table names, and the manifest of this folder that pins it. */
  readonly version: readonly [manifest: string, name: string]
  readonly redirects?: readonly string[]
  readonly start: Start
  readonly misses: Partial<Readonly<Record<Column, Miss>>>
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
}
