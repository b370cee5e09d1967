/**
 * The pin of an MCP tool: the hash of what a server says the tool is. One that changes after somebody has looked at it
 * and let it into the catalog is another tool by the same name ("rug pull").
 */
import canonicalize from "canonicalize"
import { confusableKey } from "../encoding/name-folding.ts"
import { sha256Hex } from "../encoding/hash.ts"

/**
 * What a model and its client go by, and what each protocol version since 2025-03-26 tells alike: a list that was asked
 * for in an older version must not look changed. Of `icons`, `title`, `outputSchema`, `_meta` that cannot be said.
 */
const PINNED = ["name", "description", "inputSchema", "annotations"] as const

/** There is no hash that would hold for every client. Says why, in words that stand behind the tool's name. */
export class Unpinnable extends Error {}

/**
 * @param tool as a server lists it (MCP 2025-11-25, "Tools", "Data Types")
 * @returns lower-case hex SHA-256 of the canonical JSON (RFC 8785) of those of its members that are pinned
 * @throws Unpinnable
 */
export function pinOf(tool: Readonly<Record<string, unknown>>): string {
  const variant = confusableKey(tool, PINNED)
  if (variant !== undefined)
    throw new Unpinnable(`some clients read its member \`${variant}\` in place of a pinned one`)
  const said = PINNED.filter((member) => Object.hasOwn(tool, member)).map((member) => [member, tool[member]])
  return sha256Hex(canonical(Object.fromEntries(said)))
}

/** RFC 8785 3.2.2: not every value that JSON can spell has a canonical form. */
function canonical(said: Readonly<Record<string, unknown>>): string {
  try {
    return canonicalize(said) ?? ""
  } catch {
    throw new Unpinnable("it has half a character, or a number beyond a double, of which there is no canonical JSON")
  }
}
