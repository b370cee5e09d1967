/**
 * What a source of tools (an MCP server, an OpenAPI document) says it has. All of it is untrusted: names and hashes are
 * checked, classes are suggestions, and descriptions are shown to a person and go nowhere else.
 */
import type { ArgumentTypes } from "./argument-types.ts"
import type { Action } from "../../src/core/catalog/tool.ts"

export interface FoundTools {
  /** The first segment of the tools' names. */
  readonly prefix: string
  /** In our own words, for the report: where it was read, and how. */
  readonly source: string
  readonly reached: Reached
  readonly tools: readonly FoundTool[]
  /** Names of the catalog that the source has but that could not be imported this time: they are not gone. */
  readonly withheld: readonly string[]
  readonly skipped: readonly Skipped[]
  /** Likewise, but the source is at fault, and a person has to fix it. */
  readonly refused: readonly Skipped[]
  /** Further facts that a person should know. */
  readonly notes: readonly string[]
}

/** Whether the tools belong to an MCP server, or have a route each. */
export type Reached =
  | {
      readonly by: "server"
      /** Where clients reach it, and Narrowgate the server itself; null if the catalog already says so. */
      readonly at: ServerPlace | null
      /** The server has been observed to reject a request whose headers and body differ. */
      readonly enforcesHeaders: boolean
    }
  | { readonly by: "routes"; readonly origin: string }

export interface ServerPlace {
  readonly origin: string
  readonly path: string
  /** The URL of the server itself, if Narrowgate may probe it. */
  readonly probe?: string
}

export interface FoundTool {
  /** Its name in the catalog. */
  readonly name: string
  /** Untrusted: must be escaped when shown. */
  readonly description: string
  readonly suggestion: Suggestion
  /** The classes of the entry until a person has reviewed it. */
  readonly unseen: Pick<Suggestion, "action" | "labels">
  readonly mark: Mark
  /** The types of its arguments, if its source states them. */
  readonly inputs: ArgumentTypes
  /** The names of those without which its server rejects a call, or its route or pattern is none. */
  readonly required: readonly string[]
}

export interface Suggestion {
  readonly action: Action
  readonly labels: readonly string[]
  /** In our own words, such as `readOnlyHint`: it goes into a comment. */
  readonly because: string
}

/** What the importer writes of a tool, and compares when it runs again. */
export type Mark = Pin | Route | ResourceMark

export interface Pin {
  readonly kind: "pin"
  readonly hash: string
  /** By which a later run recognizes what has changed. */
  readonly parts: PinParts
  /** The server's name of a prompt; absent for a tool. */
  readonly prompt?: string
}

/** A short hash of each part of the definition; `-` if the server has none. The description is the first. */
export type PinParts = Readonly<Record<string, string>>

/** Resources have no pins (src/core/catalog/pin.ts). */
export interface ResourceMark {
  readonly kind: "resource"
  readonly pattern: string
}

export interface Route {
  readonly kind: "route"
  readonly origin: string
  readonly methods: readonly string[]
  readonly path: string
  readonly integers: readonly string[]
}

export interface Skipped {
  /** Untrusted: must be escaped when shown. */
  readonly what: string
  readonly why: string
}
