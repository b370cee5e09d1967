/** Vercel's AI SDK: a tool of the server as `generateText` gets and calls it. */
import { auth, createMCPClient } from "@ai-sdk/mcp"
import { answer, Kept, ORDER, textOf } from "./common.mjs"

class Provider extends Kept {
  /** Known beforehand: its id is the URL of its metadata document. */
  clientInformation() {
    return { client_id: ORDER.document }
  }
}

const authProvider = new Provider()
const connect = () => createMCPClient({ transport: { type: "http", url: ORDER.server, authProvider } })
const finish = (back) =>
  auth(authProvider, {
    serverUrl: ORDER.server,
    authorizationCode: back.get("code"),
    callbackState: back.get("state"),
    callbackIssuer: back.get("iss"),
  })

await answer(async () => {
  const client = await connect().catch(async (error) => {
    const back = authProvider.returned()
    if (!back) throw error
    await finish(back)
    return connect()
  })
  const tools = await client.tools()
  return async ({ list, get, name, tool, arguments: args }) => {
    if (list === "resources") return [false, (await client.listResources()).resources.map(({ uri }) => uri).join(" ")]
    if (list) return [false, (await client.listPrompts()).prompts.map((each) => each.name).join(" ")]
    if (get === "resources") return [false, JSON.stringify(await client.readResource({ uri: name }))]
    if (get) return [false, JSON.stringify(await client.getPrompt({ name }))]
    const result = await tools[tool].execute(args, { toolCallId: "1", messages: [] })
    return [result.isError ?? false, textOf(result)]
  }
})
