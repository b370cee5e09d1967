/** An agent of Cloudflare's Agents SDK: a tool of the server as `generateText` gets and calls it. */
import { Agent, DurableObjectOAuthClientProvider, routeAgentRequest } from "agents"

export class MyAgent extends Agent {
  onStart() {
    this.mcp.configureElicitationHandlers({
      url: async ({ params }) => {
        const visited = await fetch(this.env.USER, { method: "POST", body: params.url })
        return { action: (await visited.json()) ? "accept" : "cancel" }
      },
    })
  }

  createMcpOAuthProvider(callbackUrl) {
    return new DurableObjectOAuthClientProvider(this.ctx.storage, this.name, callbackUrl, {
      clientMetadataUrl: this.env.DOCUMENT,
    })
  }

  async onRequest(request) {
    const { list, get, name, tool, arguments: args } = await request.json()
    try {
      if (!list && !get && !tool) {
        return Response.json(await this.addMcpServer("desk", this.env.SERVER))
      }
      await this.mcp.waitForConnections({ timeout: 10_000 })
      if (list) {
        const listed = this.getMcpServers()[list].map((each) => each.uri ?? each.name)
        return Response.json({ failed: false, text: listed.join(" ") })
      }
      if (get) {
        const [serverId] = Object.keys(this.getMcpServers().servers)
        const got =
          get === "resources"
            ? await this.mcp.readResource({ serverId, uri: name }, {})
            : await this.mcp.getPrompt({ serverId, name }, {})
        return Response.json({ failed: false, text: JSON.stringify(got) })
      }
      const [, { execute }] = Object.entries(this.mcp.getAITools()).find(([key]) => key.endsWith(`_${tool}`))
      const { isError = false, content } = await execute(args)
      return Response.json({ failed: isError, text: content.map(({ text = "" }) => text).join(" ") })
    } catch (error) {
      return Response.json({ failed: true, text: String(error) })
    }
  }
}

export default {
  async fetch(request, env) {
    return (await routeAgentRequest(request, env)) ?? new Response("Not found", { status: 404 })
  },
}
