/** Calls a tool of an MCP server through a gateway, by the client of the MCP project, as an agent would. */
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { answerOf, type GatewayAnswer } from "./gateway-answer.ts"

export async function callMcpTool(
  endpoint: URL,
  token: string,
  tool: string,
  args: Readonly<Record<string, unknown>>,
): Promise<GatewayAnswer> {
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
    const result = await client.callTool({ name: tool, arguments: args })
    if (!received.last) throw new Error("the client has called nothing")
    return answerOf(received.last, textOf(result), await received.denial)
  } catch (thrown) {
    // If there was no answer, the connection's own failure says so.
    if (!received.last) throw thrown
    return answerOf(received.last, thrown instanceof Error ? thrown.message : String(thrown), await received.denial)
  } finally {
    await client.close().catch(() => undefined)
  }
}

function textOf({ content }: Awaited<ReturnType<Client["callTool"]>>): string {
  const texts = content.map((part) => (part.type === "text" ? part.text : `(${part.type})`))
  return texts.join("\n")
}
