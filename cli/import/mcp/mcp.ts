/**
 * Tools, prompts and resources of a running MCP server, by the client of the MCP project. What the server declares of
 * its tools is untrusted: readOnlyHint and the like are suggestions, and absent means destructive and open-world (MCP
 * 2025-11-25, "Tools").
 */
import { catalogName } from "../../../src/core/catalog/mcp-server.ts"
import { pinOf, Unpinnable } from "../../../src/core/catalog/pin.ts"
import { isObject } from "../../../src/core/encoding/json.ts"
import { escaped } from "../../terminal/escape.ts"
import { Failure } from "../../terminal/failure.ts"
import { toolName } from "../../compiler/schema/values.ts"
import { argumentTypes } from "../argument-types.ts"
import type { FoundTools, FoundTool, Skipped, ServerPlace } from "../found-tools.ts"
import { enforcement } from "./enforcement.ts"
import type { FoundEntries, Listed } from "./found-entries.ts"
import { listServer } from "./list-server.ts"
import { readPrompts } from "./prompts.ts"
import { readResources } from "./resources.ts"
import { partsOf } from "./pin-parts.ts"
import { boundedFetch, shownUrl } from "./bounded-fetch.ts"
import { SINK, suggestionOf } from "./suggestion.ts"

export interface McpSource {
  readonly url: URL
  /** Headers of every request: credentials above all. */
  readonly headers: Readonly<Record<string, string>>
  /** The server's name in the catalog. */
  readonly server: string
  /** Where clients reach it; null if the catalog says so. */
  readonly at: ServerPlace | null
  readonly seconds: number
}

export async function findMcpTools({ url, headers, server, at, seconds }: McpSource): Promise<FoundTools> {
  const bounded = boundedFetch(url, headers, seconds)
  const { tools, resources, templates, prompts, version, notes } = await listServer(url, bounded)
  const { enforces, how } = await enforcement(url, bounded, {
    resources: resources.length + templates.length > 0,
    prompts: prompts.length > 0,
  })
  const read = [readTools(tools, server), readPrompts(prompts, server), readResources(resources, templates, server)]
  const [found, skipped, refused] = [
    read.flatMap((each) => each.found),
    read.flatMap((each) => each.skipped),
    read.flatMap((each) => each.refused),
  ]
  return {
    prefix: server,
    source: `${shownUrl(url)}, MCP ${escaped(version, 40)}`,
    reached: { by: "server", at, enforcesHeaders: enforces },
    tools: found,
    withheld: refused.map(({ what }) => what),
    skipped,
    refused,
    notes: [
      ...notes,
      ...(tools.length === 0 ? ["the server lists no tools"] : []),
      `headers ${enforces ? "are" : "are not known to be"} enforced: ${how}`,
    ],
  }
}

function readTools(tools: readonly Listed[], server: string): FoundEntries {
  const found: FoundTool[] = []
  const skipped: Skipped[] = []
  const refused: Skipped[] = []
  const seen = new Set<string>()
  for (const tool of tools) {
    const own = tool["name"]
    if (typeof own !== "string") {
      throw new Failure("the server lists a tool without a name", "Report this fault of the server to its maintainers.")
    }
    if (seen.has(own)) {
      throw new Failure(
        `the server lists \`${escaped(own, 200)}\` twice`,
        "A client may take either: this is a fault of the server, whose maintainers have to fix it.",
      )
    }
    seen.add(own)
    const name = catalogName({ name: server }, own)
    if (name === null || !toolName.safeParse(name).success) {
      skipped.push({ what: own, why: "the catalog cannot hold this name, so the tool stays unknown and denied" })
      continue
    }
    const why = unpinnable(tool)
    if (why === null) found.push(toFound(name, own, tool))
    else refused.push({ what: name, why })
  }
  return { found, skipped, refused }
}

/** What prevents a pin; the catalog may have the tool nevertheless, from an earlier import. */
function unpinnable(tool: Listed): string | null {
  try {
    pinOf(tool)
    return null
  } catch (thrown) {
    if (!(thrown instanceof Unpinnable)) throw thrown
    return `it cannot be pinned: ${thrown.message}`
  }
}

function toFound(name: string, own: string, tool: Listed): FoundTool {
  const described = tool["description"]
  return {
    name,
    description: typeof described === "string" ? described : "",
    suggestion: suggestionOf(own, tool["annotations"]),
    // Whatever the tool declares.
    unseen: { action: "execute", labels: [SINK] },
    mark: { kind: "pin", hash: pinOf(tool), parts: partsOf(tool, ["description", "inputSchema", "annotations"]) },
    inputs: argumentTypes(tool["inputSchema"]),
    required: requiredIn(tool["inputSchema"]),
  }
}

function requiredIn(schema: unknown): readonly string[] {
  const required: unknown = isObject(schema) ? schema["required"] : []
  return Array.isArray(required) ? required.filter((name) => typeof name === "string") : []
}
