/** OpenAI's Agents SDK: a tool of the server as an agent gets and calls it. */
import { getAllMcpTools, MCPServerStreamableHttp, RunContext } from "@openai/agents"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { answer, Kept, ORDER } from "./common.mjs"

const authProvider = new Kept()
const finish = (back) => new StreamableHTTPClientTransport(new URL(ORDER.server), { authProvider }).finishAuth(back)
const connect = async () => {
  const server = new MCPServerStreamableHttp({ url: ORDER.server, name: "desk", authProvider })
  await server.connect()
  return server
}

await answer(async () => {
  const server = await connect().catch(async (error) => {
    const back = authProvider.returned()
    if (!back) throw error
    await finish(back)
    return connect()
  })
  const context = new RunContext()
  const tools = await getAllMcpTools([server], context)
  return async ({ list, get, name: uri, tool, arguments: args }) => {
    if (list === "resources") return [false, (await server.listResources()).resources.map(({ uri }) => uri).join(" ")]
    if (get) return [false, JSON.stringify(await server.readResource(uri))]
    if (list) return [true, "the SDK has no prompts"]
    const call = () =>
      tools.find(({ name }) => name.replaceAll("_", "-") === tool).invoke(context, JSON.stringify(args))
    let output = await call()
    const back = authProvider.returned()
    if (back) {
      await finish(back)
      output = await call()
    }
    return [false, typeof output === "string" ? output : (output.text ?? JSON.stringify(output))]
  }
})
