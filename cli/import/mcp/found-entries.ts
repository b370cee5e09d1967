/** What one of a server's lists comes to: entries for the catalog, and what becomes none. */
import type { FoundTool, Skipped } from "../found-tools.ts"

/** As the server lists it. */
export type Listed = Readonly<Record<string, unknown>>

export interface FoundEntries {
  readonly found: readonly FoundTool[]
  readonly skipped: readonly Skipped[]
  /** What the catalog can hold and the import cannot accept; a tool is named as in the catalog. */
  readonly refused: readonly Skipped[]
}
