/**
 * Reads all pages of a server's `tools/list`, as the server sent them: a pin covers what was sent, not what a schema
 * left of it.
 */
import {
  Client,
  ProtocolError,
  SdkError,
  SdkHttpError,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client"
import { z } from "zod"
import { LIST_MEMBERS } from "../../../src/core/catalog/tool-list.ts"
import { confusableKey } from "../../../src/core/encoding/name-folding.ts"
import { escaped } from "../../terminal/escape.ts"
import { Failure } from "../../terminal/failure.ts"
import { shownUrl, type BoundedFetch } from "./bounded-fetch.ts"

const MOST_PAGES = 100
const MOST_TOOLS = 1_000
const CLOSING_MS = 2_000

const page = z.looseObject({ tools: z.array(z.record(z.string(), z.unknown())), nextCursor: z.string().nullish() })

interface ToolLists {
  readonly tools: readonly Readonly<Record<string, unknown>>[]
  /** The protocol version, as negotiated. */
  readonly version: string
}

export async function listTools(url: URL, bounded: BoundedFetch): Promise<ToolLists> {
  const client = new Client({ name: "narrowgate-import", version: "1" }, { versionNegotiation: { mode: "auto" } })
  const transport = new StreamableHTTPClientTransport(url, {
    fetch: bounded.fetch,
    // The event stream that the client opens as well is of no use here.
    reconnectionOptions: {
      maxRetries: 0,
      initialReconnectionDelay: 1,
      maxReconnectionDelay: 1,
      reconnectionDelayGrowFactor: 1,
    },
  })
  try {
    return await Promise.race([all(client, transport, bounded.signal), aborted(bounded.signal)])
  } catch (thrown) {
    // Our own failures have their own words; those that the client wraps were stored when they happened.
    throw thrown instanceof Failure ? thrown : (bounded.failure() ?? told(url, thrown))
  } finally {
    await Promise.race([end(client, transport), new Promise((resolve) => setTimeout(resolve, CLOSING_MS).unref())])
  }
}

async function all(client: Client, transport: StreamableHTTPClientTransport, signal: AbortSignal): Promise<ToolLists> {
  // The signal bounds all of it; the client's own limit of a minute would cut a longer `--timeout` short.
  const options = { signal, timeout: 2 ** 31 - 1 }
  await client.connect(transport, options)
  const tools: Readonly<Record<string, unknown>>[] = []
  const cursors = new Set<string>()
  let cursor: string | undefined
  do {
    if (cursors.size >= MOST_PAGES) throw faulty(`more than ${MOST_PAGES} pages`)
    const params = cursor === undefined ? {} : { cursor }
    const answer = await client.request({ method: "tools/list", params }, page, options)
    const variant = confusableKey(answer, LIST_MEMBERS)
    if (variant !== undefined) throw faulty(`\`${escaped(variant, 60)}\`, which some clients read for another member`)
    // One by one: a long page as arguments of one call would overflow the stack.
    for (const tool of answer.tools) {
      if (tools.length === MOST_TOOLS) throw faulty(`more than ${MOST_TOOLS} tools`)
      tools.push(tool)
    }
    cursor = answer.nextCursor ?? undefined
    if (cursor !== undefined && cursors.has(cursor)) throw faulty("a page that leads to itself")
    if (cursor !== undefined) cursors.add(cursor)
  } while (cursor !== undefined)
  return { tools, version: client.getNegotiatedProtocolVersion() ?? "of a version that it does not report" }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true })
  })
}

/** A session that the client does not end stays with the server. */
async function end(client: Client, transport: StreamableHTTPClientTransport): Promise<void> {
  await transport.terminateSession().catch(() => undefined)
  await client.close().catch(() => undefined)
}

function faulty(what: string): Failure {
  return new Failure(`the server's list of tools has ${what}`, "Report this fault of the server to its maintainers.")
}

function told(url: URL, thrown: unknown): Failure {
  const noMcp = "Name the streamable HTTP endpoint of an MCP server, often `…/mcp`."
  if (SdkHttpError.isInstance(thrown)) {
    return new Failure(`${shownUrl(url)} is no MCP endpoint: it answers with HTTP ${thrown.status}`, noMcp)
  }
  if (ProtocolError.isInstance(thrown)) {
    return new Failure(
      `the server does not list its tools: ${escaped(thrown.message, 300)}`,
      "Check that it offers tools at all, and look at its log.",
    )
  }
  if (
    SdkError.isInstance(thrown) ||
    thrown instanceof SyntaxError ||
    (thrown instanceof Error && thrown.name === "ZodError")
  ) {
    return new Failure(`${shownUrl(url)} does not answer as an MCP server: ${escaped(firstLine(thrown), 300)}`, noMcp)
  }
  throw thrown
}

function firstLine({ message }: Error): string {
  return message.split("\n", 1)[0] ?? ""
}
