/**
 * Agents that others' frameworks make, with a task of `narrowgate/client`: each gives `task.fetch`, or an auth provider,
 * to its own client of MCP. A line with `denial` asks what `denialOf` finds in what the framework returns or throws;
 * any other call waits as `withNarrowgate` or `untilAllowed` do.
 */
import { readFile } from "node:fs/promises"
import { stripTypeScriptTypes } from "node:module"
import { createMCPClient } from "@ai-sdk/mcp"
import { isStepCount } from "ai"
import { MCPClient } from "@mastra/mcp"
import { getAllMcpTools, MCPServerStreamableHttp, RunContext } from "@openai/agents"
import { answer, ORDER, visited } from "./common.mjs"

const library = await import(ORDER.library)
const { denialOf, fromPrivateKey, mcpAuthProvider, openTask, withNarrowgate } = library

const task = await openTask({
  issuer: ORDER.issuer,
  identity: fromPrivateKey({ agent: ORDER.agent, key: ORDER.key, alg: "ES256" }),
  session: ORDER.session,
  purpose: "triage-ticket",
  resource: ORDER.resource,
  dpop: ORDER.isBound,
})
const onApproval = ({ url }) => visited(url)

/** Runs what the guide shows under a heading, as it stands there. @param names what stands before it */
const shown = async (heading, names) => {
  const guide = await readFile(ORDER.guide, "utf8")
  const section = guide.slice(guide.indexOf(`\n### ${heading}\n`) + 1).split(/\n##/)[0]
  const [, code] = /```ts\n(.*?)```/s.exec(section)
  const scope = { ...library, task, onApproval, server: ORDER.server, definition: {}, ...names }
  const Run = (async () => {}).constructor
  const program = stripTypeScriptTypes(code.replaceAll(/^import .*\n/gm, ""))
  return new Run(...Object.keys(scope), program)(...Object.values(scope))
}

/** What a model would be given: the framework's own agents need one. */
const given = {}
function Agent(definition) {
  Object.assign(given, definition)
}
const generateText = async (request) => void Object.assign(given, request)

/** The tools of a framework whose tools have `execute`. */
const executed = (tools, waiting, nameOf, context) => ({
  call: (tool, args) => tools[nameOf(tool)].execute(args, context),
  wait: (tool, args) => waiting[nameOf(tool)].execute(args, context),
})

const CONTEXT = { toolCallId: "1", messages: [] }

const FRAMEWORKS = {
  "ai-sdk": async () => {
    await shown("AI SDK", { createMCPClient, generateText, isStepCount, model: null, prompt: "" })
    const mcp = await createMCPClient({ transport: { type: "http", url: ORDER.server, fetch: task.fetch } })
    return executed(await mcp.tools(), given.tools, (tool) => tool, CONTEXT)
  },
  "ai-sdk, by an auth provider": async () => {
    const transport = { type: "http", url: ORDER.server, authProvider: mcpAuthProvider(task) }
    const tools = await (await createMCPClient({ transport })).tools()
    return executed(tools, withNarrowgate(tools, task, { onApproval }), (tool) => tool, CONTEXT)
  },
  mastra: async () => {
    await shown("Mastra", { MCPClient, Agent })
    const mcp = new MCPClient({ id: "bare", servers: { desk: { url: new URL(ORDER.server), fetch: task.fetch } } })
    return executed(await mcp.listTools(), given.tools, (tool) => `desk_${tool}`, {})
  },
  "openai-agents": async () => {
    await shown("OpenAI Agents", { MCPServerStreamableHttp, Agent })
    const bare = new MCPServerStreamableHttp({ url: ORDER.server, name: "bare", fetch: task.fetch })
    await bare.connect()
    const context = new RunContext()
    const invoking = async (servers) => {
      const tools = await getAllMcpTools(servers, context)
      return (tool, args) =>
        tools.find(({ name }) => name.replaceAll("_", "-") === tool).invoke(context, JSON.stringify(args))
    }
    return { call: await invoking([bare]), wait: await invoking(given.mcpServers) }
  },
}

await answer(async () => {
  const { call, wait } = await FRAMEWORKS[ORDER.framework]()
  return async ({ tool, arguments: args }) => {
    if (tool === "complete") return [false, String(await task.complete())]
    const { asked, ...given } = args
    if (asked !== "denial") return [false, JSON.stringify(await wait(tool, given))]
    const outcome = await call(tool, given).catch((error) => error)
    return [false, JSON.stringify((await denialOf(outcome)) ?? { none: String(outcome), json: outcome })]
  }
})
