/** The filters of the latest decisions: the parameters of the address that the API accepts, and no others. */
import type { PageContext } from "../layout/page-request.ts"

export const KINDS = ["call", "exchange", "approval", "end", "management"] as const
const FILTERS = { agent: 2_048, tool: 256, code: 64, decision: 8, kind: 16 } as const
export type Filter = keyof typeof FILTERS
const NAMES: readonly Filter[] = ["agent", "tool", "code", "decision", "kind"]

export function filtersOf({ req }: PageContext): URLSearchParams {
  const filters = new URLSearchParams()
  for (const name of NAMES) {
    const value = req.query(name)?.trim() ?? ""
    if (value !== "" && value.length <= FILTERS[name]) filters.set(name, value)
  }
  return filters
}
