/** Mastra: a tool of the server as an agent gets and calls it. */
import { execFile } from "node:child_process"
import { MCPClient, MCPOAuthClientProvider } from "@mastra/mcp"
import { answer, ORDER, textOf, visited } from "./common.mjs"

const redirectUrl = "http://localhost:3000/oauth/callback"
const authProvider = new MCPOAuthClientProvider({
  redirectUrl,
  clientMetadataUrl: ORDER.document,
  clientMetadata: {
    redirect_uris: [redirectUrl],
    client_name: "My MCP Client",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
  },
  onRedirectToAuthorization: (url) => void execFile(process.env.BROWSER, [url.href]),
})
const mcp = new MCPClient({
  servers: {
    desk: {
      url: new URL(ORDER.server),
      authProvider,
      capabilities: { elicitation: { url: {} } },
      inputRequests: async ({ params }) => ({ action: (await visited(params.url)) ? "accept" : "cancel" }),
    },
  },
})

await answer(async () => {
  await mcp.authenticate("desk", { timeoutMs: 20_000 })
  const tools = await mcp.listTools()
  return async ({ list, get, name, tool, arguments: args }) => {
    if (get === "resources") return [false, JSON.stringify(await mcp.resources.read("desk", name))]
    if (get) return [false, JSON.stringify(await mcp.prompts.get({ serverName: "desk", name }))]
    if (list) {
      const { desk = [] } = await mcp[list].list()
      return [false, desk.map((each) => each.uri ?? each.name).join(" ")]
    }
    const result = await tools[`desk_${tool}`].execute(args, {})
    if (result?.isError !== undefined || result?.content) return [result.isError ?? false, textOf(result)]
    return [false, JSON.stringify(result)]
  }
})
