/**
 * The pin of an MCP tool or prompt: the hash of the definition that a server gives of it. If the definition changes after
 * an operator has reviewed it and added the tool to the catalog, it is another tool of the same name ("rug pull"). A
 * resource has no pin: one entry stands for many, and what a model acts on is their contents, which change by nature.
 */
import canonicalize from "canonicalize"
import { confusableKey } from "../encoding/name-folding.ts"
import { sha256Hex } from "../encoding/hash.ts"

/**
 * The members that a model and its client act by, and that each protocol version since 2025-03-26 has alike: a list in
 * an older version must not look changed. `icons`, `title`, `outputSchema` and `_meta` differ between versions.
 */
const PINNED = {
  tools: ["name", "description", "inputSchema", "annotations"],
  prompts: ["name", "description", "arguments"],
} as const
export type PinnedKind = keyof typeof PINNED

/** No hash would be the same for every client. The message says why, in words that follow the tool's name. */
export class Unpinnable extends Error {}

/**
 * @param definition as a server lists it (MCP 2025-11-25, "Tools" and "Prompts", "Data Types")
 * @returns lower-case hex SHA-256 of the canonical JSON (RFC 8785) of its pinned members
 * @throws Unpinnable
 */
export function pinOf(definition: Readonly<Record<string, unknown>>, kind: PinnedKind = "tools"): string {
  const pinned = PINNED[kind]
  const variant = confusableKey(definition, pinned)
  if (variant !== undefined)
    throw new Unpinnable(`some clients read its member \`${variant}\` in place of a pinned one`)
  const members = pinned.flatMap((member) => (Object.hasOwn(definition, member) ? [[member, definition[member]]] : []))
  return sha256Hex(canonical(Object.fromEntries(members)))
}

/** RFC 8785, section 3.2.2: not every value that JSON can express has a canonical form. */
function canonical(definition: Readonly<Record<string, unknown>>): string {
  try {
    return canonicalize(definition) ?? ""
  } catch {
    throw new Unpinnable("it has half a character, or a number beyond a double, of which there is no canonical JSON")
  }
}
