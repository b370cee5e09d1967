/**
 * The pin of an MCP tool: the hash of what a server says the tool is. One that changes after somebody has looked at it
 * and let it into the catalog is another tool by the same name ("rug pull").
 */
import canonicalize from "canonicalize"
import { sha256Hex } from "../hash.ts"

/**
 * What a model and its client go by, and what each protocol version since 2025-03-26 tells alike: a list that was asked
 * for in an older version must not look changed. Of `icons`, `title`, `outputSchema`, `_meta` that cannot be said.
 */
const PINNED = ["name", "description", "inputSchema", "annotations"] as const

/**
 * @param tool as a server lists it (MCP 2025-11-25, "Tools", "Data Types")
 * @returns lower-case hex SHA-256 of the canonical JSON (RFC 8785) of those of its members that are pinned
 */
export function pinOf(tool: Readonly<Record<string, unknown>>): string {
  const said = PINNED.filter((member) => Object.hasOwn(tool, member)).map((member) => [member, tool[member]])
  return sha256Hex(canonicalize(Object.fromEntries(said)) ?? "")
}
