/** An agent of Cloudflare that gives money back. Above 100.00 its state has the page where a person approves. */
import { createMCPClient } from "@ai-sdk/mcp"
import { openai } from "@ai-sdk/openai"
import { Agent, routeAgentRequest } from "agents"
import { generateText, isStepCount } from "ai"
import { fromPrivateKey, openTask, withNarrowgate } from "narrowgate/client"

export class Refunds extends Agent<Env, { approve: string }> {
  override async onRequest(request: Request) {
    const { ISSUER, AGENT, KEY, MCP_URL, MODEL } = this.env
    const identity = fromPrivateKey({ agent: AGENT, key: JSON.parse(KEY), alg: "ES256" })
    const session = request.headers.get("X-Session") ?? ""
    await using task = await openTask({ issuer: ISSUER, identity, session, purpose: "refund-order", dpop: true })
    const billing = await createMCPClient({ transport: { type: "http", url: MCP_URL, fetch: task.fetch } })
    const onApproval = ({ url }: { url: string }) => this.setState({ approve: url })
    const tools = withNarrowgate(await billing.tools(), task, { onApproval })
    const prompt = await request.text()
    const { text } = await generateText({ model: openai(MODEL), tools, prompt, stopWhen: isStepCount(5) })
    await billing.close()
    return new Response(text)
  }
}

export default {
  fetch: async (request, env) => (await routeAgentRequest(request, env)) ?? new Response(null, { status: 404 }),
} satisfies ExportedHandler<Env>
