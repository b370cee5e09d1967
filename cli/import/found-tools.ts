/**
 * What a source of tools (an MCP server, an OpenAPI document) says is there. All of it is the word of others: names and
 * hashes are checked, classes are suggestions, descriptions are shown to a person and go nowhere else.
 */
import type { Action } from "../../src/core/catalog/tool.ts"

export interface FoundTools {
  /** First segment of the tools' names. */
  readonly prefix: string
  /** In our own words, for the report: where it was read, and how. */
  readonly source: string
  readonly reached: Reached
  readonly tools: readonly FoundTool[]
  /** Names of the catalog that the source has but that could not be taken this time: they are not gone. */
  readonly withheld: readonly string[]
  readonly skipped: readonly Skipped[]
  /** Likewise, but the source is at fault, and somebody has to see to it. */
  readonly refused: readonly Skipped[]
  /** What else a person should know. */
  readonly notes: readonly string[]
}

/** The tools are those of an MCP server, or each has a route of its own. */
export type Reached =
  | {
      readonly by: "server"
      /** Where clients reach it; null where the catalog says it already. */
      readonly at: { readonly origin: string; readonly path: string } | null
      /** It has been seen to refuse a request whose headers and body differ. */
      readonly enforcesHeaders: boolean
    }
  | { readonly by: "routes"; readonly origin: string }

export interface FoundTool {
  /** As the catalog calls it. */
  readonly name: string
  /** Hostile: to be shown escaped. */
  readonly description: string
  readonly suggestion: Suggestion
  /** What the entry gets while nobody has looked at it. */
  readonly unseen: Pick<Suggestion, "action" | "labels">
  readonly mark: Mark
}

export interface Suggestion {
  readonly action: Action
  readonly labels: readonly string[]
  /** In our own words, such as `readOnlyHint`: it goes into a comment. */
  readonly because: string
}

/** What the importer writes of a tool, and compares when it is run again. */
export type Mark = Pin | Route

export interface Pin {
  readonly kind: "pin"
  readonly hash: string
  /** By which a later run tells what has changed. */
  readonly parts: PinParts
}

export const PIN_PARTS = ["description", "inputSchema", "annotations"] as const
/** A short hash of each; `-` where the server says nothing. */
export type PinParts = Readonly<Record<(typeof PIN_PARTS)[number], string>>

export interface Route {
  readonly kind: "route"
  readonly origin: string
  readonly methods: readonly string[]
  readonly path: string
  readonly integers: readonly string[]
}

export interface Skipped {
  /** Hostile: to be shown escaped. */
  readonly what: string
  readonly why: string
}
