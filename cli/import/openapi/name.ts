/** The name of an operation in the catalog: `crm.tickets.get`. */
import { LIFECYCLE_SEGMENT } from "../../../src/core/catalog/lifecycle.ts"

/**
 * Made of its operationId, whose segments dots, slashes and colons separate. Otherwise made of path and method, the
 * path first, so that `crm.tickets.*` covers what is below `/tickets`.
 */
export function nameOf(prefix: string, operationId: unknown, method: string, path: string): string {
  const own = typeof operationId === "string" ? segmentsOf(operationId, /[./:#]+/u) : []
  if (own[0] === prefix && own.length > 1) own.shift()
  const segments = own.length > 0 ? own : [...segmentsOf(path, /\//u), method]
  return [prefix, ...unlikeLifecycle(segments)].join(".")
}

/**
 * `crm.mcp.ping` would pass for a lifecycle tool that every MCP server has, and that grants include: `crm.mcp_.ping`.
 */
function unlikeLifecycle(segments: readonly string[]): readonly string[] {
  const [first, ...others] = segments
  return first === LIFECYCLE_SEGMENT && others.length > 0 ? [`${LIFECYCLE_SEGMENT}_`, ...others] : segments
}

function segmentsOf(text: string, separator: RegExp): string[] {
  return text
    .split(separator)
    .map((segment) => segment.replaceAll(/[^A-Za-z0-9_-]+/gu, "-").replaceAll(/^-+|-+$/gu, ""))
    .filter((segment) => segment !== "")
}
