/**
 * Reads all pages of a server's lists, as the server sent them: a pin covers what was sent, not what a schema left of it.
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
import type { Listed } from "./found-entries.ts"

const MOST_PAGES = 100
const MOST_LISTED = 1_000
const CLOSING_MS = 2_000

const page = z.looseObject({ nextCursor: z.string().nullish() })
const items = z.array(z.record(z.string(), z.unknown()))

type Items = readonly Listed[]

interface ServerLists {
  readonly tools: Items
  readonly resources: Items
  readonly templates: Items
  readonly prompts: Items
  /** The protocol version, as negotiated. */
  readonly version: string
  /** Which lists the server did not give, though it has such things. */
  readonly notes: readonly string[]
}

export async function listServer(url: URL, bounded: BoundedFetch): Promise<ServerLists> {
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
    throw thrown instanceof Failure ? thrown : (bounded.failure() ?? failureOf(url, thrown))
  } finally {
    await Promise.race([end(client, transport), new Promise((resolve) => setTimeout(resolve, CLOSING_MS).unref())])
  }
}

async function all(
  client: Client,
  transport: StreamableHTTPClientTransport,
  signal: AbortSignal,
): Promise<ServerLists> {
  // The signal bounds all of it; the client's own limit of a minute would cut a longer `--timeout` short.
  const options = { signal, timeout: 2 ** 31 - 1 }
  await client.connect(transport, options)
  const ask: AskPage = async (method, params) => client.request({ method, params }, page, options)
  const notes: string[] = []
  /** A server without such a method has none of them, and one that fails there can be imported nevertheless. */
  const others = async (method: string, member: string, isOffered: boolean): Promise<Items> => {
    if (!isOffered) return []
    return readPages(ask, method, member).catch((thrown: unknown) => {
      if (!ProtocolError.isInstance(thrown)) throw thrown
      if (thrown.code !== METHOD_NOT_FOUND) notes.push(`${method} is left out: ${escaped(thrown.message, 200)}`)
      return []
    })
  }
  const { tools, resources, prompts } = client.getServerCapabilities() ?? {}
  const isWithoutTools = tools === undefined && (resources !== undefined || prompts !== undefined)
  return {
    tools: isWithoutTools ? [] : await readPages(ask, "tools/list", "tools"),
    resources: await others("resources/list", "resources", resources !== undefined),
    templates: await others("resources/templates/list", "resourceTemplates", resources !== undefined),
    prompts: await others("prompts/list", "prompts", prompts !== undefined),
    version: client.getNegotiatedProtocolVersion() ?? "of a version that it does not report",
    notes,
  }
}

type AskPage = (method: string, params: { readonly cursor?: string }) => Promise<z.infer<typeof page>>
const METHOD_NOT_FOUND = -32_601

async function readPages(ask: AskPage, method: string, member: string): Promise<Items> {
  const faulty = (what: string): Failure =>
    new Failure(`the server's answer to ${method} has ${what}`, "Report this fault of the server to its maintainers.")
  const listed: Listed[] = []
  const cursors = new Set<string>()
  let cursor: string | undefined
  do {
    if (cursors.size >= MOST_PAGES) throw faulty(`more than ${MOST_PAGES} pages`)
    const answer = await ask(method, cursor === undefined ? {} : { cursor })
    const variant = confusableKey(answer, LIST_MEMBERS)
    if (variant !== undefined) throw faulty(`\`${escaped(variant, 60)}\`, which some clients read for another member`)
    // One by one: a long page as arguments of one call would overflow the stack.
    for (const item of items.parse(answer[member])) {
      if (listed.length === MOST_LISTED) throw faulty(`more than ${MOST_LISTED} ${member}`)
      listed.push(item)
    }
    cursor = answer.nextCursor ?? undefined
    if (cursor !== undefined && cursors.has(cursor)) throw faulty("a page that leads to itself")
    if (cursor !== undefined) cursors.add(cursor)
  } while (cursor !== undefined)
  return listed
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

function failureOf(url: URL, thrown: unknown): Failure {
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
