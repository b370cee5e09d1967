/**
 * A server's whole `tools/list`, requested as in the newest protocol version and, if the server does not understand
 * that, as in the older ones: with a handshake, and a session if the server wants one.
 */
import { foldName, confusableKey } from "../core/encoding/name-folding.ts"
import { isObject } from "../core/encoding/json.ts"
import { OTHER_SPELLING } from "../core/catalog/mcp-answer.ts"
import { LIST_MEMBERS, type ListedItem } from "../core/catalog/tool-list.ts"
import { ProbeFailed, whyFailed, type Endpoint, type Reply } from "./endpoint.ts"

/** Bounds for a list that never ends, or repeats the same page. */
const MAX_PAGES = 10
const MAX_TOOLS = 2_000
const MAX_CURSOR = 4_096

export interface Listing {
  readonly listed: readonly ListedItem[]
  /** Why it is not the whole list. Null if it is. */
  readonly failure: string | null
}

const CLIENT_INFO = { name: "narrowgate", version: "1" }
/** MCP 2026-07-28: every request contains what a handshake contained before. */
export const STATELESS = "2026-07-28"
export const META = {
  "io.modelcontextprotocol/protocolVersion": STATELESS,
  "io.modelcontextprotocol/clientInfo": CLIENT_INFO,
  "io.modelcontextprotocol/clientCapabilities": {},
}
/** The first one is proposed; the one with which the server responds is used. */
const WITH_HANDSHAKE = ["2025-11-25", "2025-06-18", "2025-03-26"] as const

/** A server with such a response lets us request nothing, in any version. */
const DENYING = new Set([401, 403, 407, 429])

type AskPage = (cursor: string | null) => Promise<Reply>

export async function listTools(endpoint: Endpoint): Promise<Listing> {
  const listed: ListedItem[] = []
  try {
    const askStateless: AskPage = async (cursor) =>
      endpoint.ask(
        "tools/list",
        { ...(cursor !== null && { cursor }), _meta: META },
        { "MCP-Protocol-Version": STATELESS, "Mcp-Method": "tools/list" },
      )
    const first = await askStateless(null)
    if (pageOf(first)) await readPages(first, askStateless, listed)
    else if (DENYING.has(first.status)) throw new ProbeFailed(`status ${first.status}`)
    else await readInSession(endpoint, listed)
    return { listed, failure: null }
  } catch (error) {
    return { listed, failure: whyFailed(error) }
  }
}

async function readInSession(endpoint: Endpoint, listed: ListedItem[]): Promise<void> {
  const hello = { protocolVersion: WITH_HANDSHAKE[0], capabilities: {}, clientInfo: CLIENT_INFO }
  const { status, message, session } = await endpoint.ask("initialize", hello, {})
  const result = message?.["result"]
  const version = isObject(result) ? WITH_HANDSHAKE.find((each) => each === result["protocolVersion"]) : undefined
  if (status !== 200 || version === undefined) throw new ProbeFailed(`no version in common, status ${status}`)
  // Before 2025-06-18 this header did not exist, and no server rejected it.
  const headers = { "MCP-Protocol-Version": version, ...(session !== null && { "Mcp-Session-Id": session }) }
  try {
    await endpoint.notify("notifications/initialized", headers)
    const askPage: AskPage = async (cursor) => endpoint.ask("tools/list", cursor === null ? {} : { cursor }, headers)
    await readPages(await askPage(null), askPage, listed)
  } finally {
    if (session !== null) await endpoint.endSession(headers)
  }
}

async function readPages(first: Reply, ask: AskPage, listed: ListedItem[]): Promise<void> {
  let reply = first
  const cursors = new Set<string>()
  for (;;) {
    const page = pageOf(reply)
    if (!page) throw new ProbeFailed(`no list, status ${reply.status}`)
    for (const each of page.listed) {
      if (listed.length === MAX_TOOLS) throw new ProbeFailed("it lists too many tools")
      listed.push(each)
    }
    const { cursor } = page
    if (cursor === null) return
    if (cursors.has(cursor)) throw new ProbeFailed("its pages repeat")
    if (cursor.length > MAX_CURSOR || cursors.size + 1 >= MAX_PAGES)
      throw new ProbeFailed("its list has too many pages")
    cursors.add(cursor)
    reply = await ask(cursor)
  }
}

interface Page {
  readonly listed: readonly ListedItem[]
  readonly cursor: string | null
}

function pageOf({ status, message, objection }: Reply): Page | null {
  if (objection !== null) throw new ProbeFailed(`its answer ${objection}`)
  const result = message?.["result"]
  if (status !== 200 || !isObject(result)) return null
  if (confusableKey(result, LIST_MEMBERS) !== undefined) throw new ProbeFailed(`its list ${OTHER_SPELLING}`)
  if (!Array.isArray(result["tools"])) return null
  const tools: readonly unknown[] = result["tools"]
  const { nextCursor } = result
  return {
    listed: tools.flatMap(listedAs),
    cursor: typeof nextCursor === "string" && nextCursor !== "" ? nextCursor : null,
  }
}

/** The tool under each name that some client may read; one without any cannot be called, and is left out. */
function listedAs(tool: unknown): readonly ListedItem[] {
  if (!isObject(tool)) return []
  return Object.entries(tool).flatMap(([member, name]) =>
    foldName(member) === "name" && typeof name === "string" ? [{ key: name, definition: tool }] : [],
  )
}
