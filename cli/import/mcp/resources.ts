/**
 * A server's resources as entries: one for each template, and one for each resource that no template covers. An operator
 * may replace several of them by one with a wider pattern; a later import then leaves it so.
 */
import {
  argumentsOfPattern,
  entryOfPattern,
  patternOfTemplate,
  readResourcePattern,
  type ResourceEntry,
} from "../../../src/core/catalog/resource-pattern.ts"
import { Overlaps, reachedByPattern } from "../../compiler/model/route-overlaps.ts"
import { readResourceUri } from "../../../src/core/catalog/resource-uri.ts"
import { textArguments } from "../argument-types.ts"
import type { FoundTool, Skipped } from "../found-tools.ts"
import { EntryNames } from "./entry-names.ts"
import type { FoundEntries, Listed } from "./found-entries.ts"

/** More entries than a person looks at: a directory of files wants one pattern. */
const MOST_RESOURCES = 200

export function readResources(
  resources: readonly Listed[],
  templates: readonly Listed[],
  server: string,
): FoundEntries {
  const names = new EntryNames(server, "resources")
  const found: FoundTool[] = []
  const skipped: Skipped[] = []
  let entries: readonly ResourceEntry[] = []
  const overlaps = new Overlaps<string>()
  const add = (definition: Listed, pattern: string): void => {
    const { name: own, description } = definition
    const name = names.nameOf(typeof own === "string" ? own : pattern)
    const text = typeof description === "string" ? description : ""
    found.push({
      name,
      description: text,
      suggestion: ONLY_READ,
      unseen: ONLY_READ,
      mark: { kind: "resource", pattern },
      inputs: textArguments(argumentsOfPattern(pattern)),
      required: argumentsOfPattern(pattern),
    })
    entries = [...entries, { tool: name, pattern }]
  }
  for (const definition of templates) {
    const { uriTemplate } = definition
    const pattern = typeof uriTemplate === "string" ? patternOfTemplate(uriTemplate) : null
    const reached = pattern === null ? null : reachedByPattern(server, pattern)
    const [other] = reached ? overlaps.clashing(reached) : []
    if (pattern === null || !reached) skipped.push({ what: `resource ${String(uriTemplate)}`, why: NO_PATTERN })
    else if (other === undefined) {
      overlaps.add(reached, pattern)
      add(definition, pattern)
    } else if (other !== pattern) {
      skipped.push({ what: `resource ${pattern}`, why: `the same URI could be of \`${other}\`, another template` })
    }
  }
  let left = 0
  for (const definition of resources) {
    const { uri } = definition
    const objection = typeof uri === "string" ? objectionTo(uri) : "is no text"
    const read = typeof uri === "string" ? readResourcePattern(uri) : null
    if (typeof uri !== "string" || objection !== null || !read || "objection" in read) {
      skipped.push({ what: `resource ${String(uri)}`, why: `its URI ${objection ?? "is no pattern"}` })
    } else if (entryOfPattern(entries, read) !== null) continue
    else if (found.length < MOST_RESOURCES) add(definition, uri)
    else left += 1
  }
  if (left > 0) skipped.push({ what: `${left} more resources`, why: `write one entry with a pattern for them: ${HOW}` })
  return { found, skipped, refused: [] }
}

const HOW = "`resource: file:///notes/{+path}`"
const NO_PATTERN = "no pattern says what this template says: write an entry with a `resource` of your own"
const ONLY_READ = { action: "read", labels: [], because: "a resource" } as const

/** A URI with braces is none, and would be a pattern of others. */
function objectionTo(uri: string): string | null {
  const read = readResourceUri(uri)
  return "objection" in read ? read.objection : null
}
