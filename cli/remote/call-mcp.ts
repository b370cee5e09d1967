/**
 * Calls a tool of an MCP server through a gateway, reads a resource, or gets a prompt, by the client of the MCP project,
 * as an agent would.
 */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { EXIT, Failure } from "../terminal/failure.ts"
import { answerOf, type GatewayAnswer } from "./gateway-answer.ts"

type Arguments = Readonly<Record<string, unknown>>

interface McpEntry {
  /** The server's own name of a tool. */
  readonly own: string
  /** The pattern of a resource. */
  readonly resource?: string
  /** The server's own name of a prompt. */
  readonly prompt?: string
}

export async function callMcp(endpoint: URL, token: string, entry: McpEntry, args: Arguments): Promise<GatewayAnswer> {
  const call = callOf(entry, args)
  const received: { last?: Response; denial?: Promise<string> } = {}
  const listening: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    // The client opens its event stream beside the calls; only its POST requests count here.
    if (init?.method === "POST") received.last = response
    // A denial is short, and no stream.
    if (response.headers.has("x-narrowgate-code")) received.denial = response.clone().text()
    return response
  }
  const client = new Client({ name: "narrowgate-try", version: "1" }, { versionNegotiation: { mode: "auto" } })
  const requestInit = { headers: { authorization: `Bearer ${token}` } }
  const transport = new StreamableHTTPClientTransport(endpoint, { fetch: listening, requestInit })
  try {
    await client.connect(transport)
    const { text, denial } = await call(client)
    if (!received.last) throw new Error("the client has called nothing")
    return answerOf(received.last, text, await received.denial, denial)
  } catch (thrown) {
    // If there was no answer, the connection's own failure says so.
    if (!received.last) throw thrown
    return answerOf(received.last, thrown instanceof Error ? thrown.message : String(thrown), await received.denial)
  } finally {
    await client.close().catch(() => undefined)
  }
}

function returned({ content, isError, _meta: meta }: Awaited<ReturnType<Client["callTool"]>>): Returned {
  const texts = content.map((part) => (part.type === "text" ? part.text : `(${part.type})`))
  return { text: texts.join("\n"), ...(isError === true && { denial: meta?.["narrowgate/denial"] }) }
}

interface Returned {
  readonly text: string
  /** Of a tool's result that is an error, if its server has put one there. */
  readonly denial?: unknown
}

type McpCall = (client: Client) => Promise<Returned>

function callOf({ own, resource, prompt }: McpEntry, args: Arguments): McpCall {
  if (resource !== undefined) {
    const uri = uriOf(resource, args)
    return async (client) => ({ text: JSON.stringify((await client.readResource({ uri })).contents) })
  }
  if (prompt !== undefined) {
    const texts = Object.fromEntries(Object.entries(args).map(([name, value]) => [name, String(value)]))
    return async (client) => ({
      text: JSON.stringify((await client.getPrompt({ name: prompt, arguments: texts })).messages),
    })
  }
  return async (client) => returned(await client.callTool({ name: own, arguments: args }))
}

/** The argument `uri`, or the pattern with the arguments that it names. */
export function uriOf(pattern: string, args: Arguments): string {
  if (typeof args["uri"] === "string") return args["uri"]
  return pattern.replaceAll(/\{(\+?)(\w+)\}/gu, (_, plus: string, name: string) => {
    const value = Object.hasOwn(args, name) ? String(args[name]) : ""
    if (value === "") {
      const fix = `Write \`--arguments '{"${name}":"…"}'\`, or the whole \`uri\`.`
      throw new Failure(`the resource needs the argument \`${name}\``, fix, EXIT.usage)
    }
    return plus === "" ? encodeURIComponent(value) : value.split("/").map(encodeURIComponent).join("/")
  })
}
