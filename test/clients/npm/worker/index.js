/** An agent of Cloudflare's Agents SDK: a tool of the server as `generateText` gets and calls it. */
import { Agent, DurableObjectOAuthClientProvider, routeAgentRequest } from "agents"

export class MyAgent extends Agent {
  createMcpOAuthProvider(callbackUrl) {
    return new DurableObjectOAuthClientProvider(this.ctx.storage, this.name, callbackUrl, {
      clientMetadataUrl: this.env.DOCUMENT,
    })
  }

  async onRequest(request) {
    const { list, tool, arguments: args } = await request.json()
    try {
      if (tool === undefined && list === undefined) {
        return Response.json(await this.addMcpServer("desk", this.env.SERVER))
      }
      await this.mcp.waitForConnections({ timeout: 10_000 })
      if (list) {
        const listed = this.getMcpServers()[list].map(({ uri, name }) => uri ?? name)
        return Response.json({ failed: false, text: listed.join(" ") })
      }
      const [, { execute }] = Object.entries(this.mcp.getAITools()).find(([name]) => name.endsWith(`_${tool}`))
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
