/**
 * An MCP server that has what the conformance suite asks of one, by the official library: so that nothing is lost on the
 * way through a gateway because the server lacks it.
 */
import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { completable } from "@modelcontextprotocol/sdk/server/completable.js"
import { McpServer, ResourceTemplate } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import {
  CreateMessageResultSchema,
  ElicitResultSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js"
import { z } from "zod"
import { listen, type Listening } from "../../dev/loopback.ts"

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
const SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="

const text = (said: string) => ({ type: "text" as const, text: said })
const image = { type: "image" as const, data: PIXEL, mimeType: "image/png" }
const resource = (uri: string, said: string) => ({
  type: "resource" as const,
  resource: { uri, mimeType: "text/plain", text: said },
})
const asked = <Content>(content: Content) => ({ role: "user" as const, content })

/** Tools that always say the same. */
const CONSTANT = {
  test_simple_text: [text("This is a simple text response for testing.")],
  test_image_content: [image],
  test_audio_content: [{ type: "audio" as const, data: SILENCE, mimeType: "audio/wav" }],
  test_embedded_resource: [resource("test://embedded-resource", "This is an embedded resource content.")],
  test_multiple_content_types: [text("Several:"), image, resource("test://mixed-content-resource", '{"test":"data"}')],
}

/** What a person is asked for, with defaults for each primitive type. */
const DEFAULTS = {
  name: { type: "string" as const, default: "John Doe" },
  age: { type: "integer" as const, default: 30 },
  score: { type: "number" as const, default: 95.5 },
  status: { type: "string" as const, enum: ["active", "inactive", "pending"], default: "active" },
  verified: { type: "boolean" as const, default: true },
}

const OPTIONS = ["option1", "option2", "option3"]
const titled = ["value1", "value2", "value3"].map((value) => ({ const: value, title: value.toUpperCase() }))
/** Each way to let them choose. */
const CHOICES = {
  untitledSingle: { type: "string" as const, enum: OPTIONS },
  titledSingle: { type: "string" as const, oneOf: titled },
  legacyEnum: { type: "string" as const, enum: OPTIONS, enumNames: OPTIONS.map((each) => each.toUpperCase()) },
  untitledMulti: { type: "array" as const, items: { type: "string" as const, enum: OPTIONS } },
  titledMulti: { type: "array" as const, items: { anyOf: titled } },
}

const PERSON = { username: { type: "string" as const }, email: { type: "string" as const } }

/** By tool: what it asks its client's person. */
const ELICITATIONS = {
  test_elicitation: { properties: PERSON, required: ["username", "email"] },
  test_elicitation_sep1034_defaults: { properties: DEFAULTS },
  test_elicitation_sep1330_enums: { properties: CHOICES },
}

/** The names of its tools, for a catalog. */
export const TOOLS = [
  ...Object.keys(CONSTANT),
  ...Object.keys(ELICITATIONS),
  ...["test_tool_with_logging", "test_error_handling", "test_tool_with_progress", "test_sampling"],
]

/** By name: the pattern of its URIs. */
export const RESOURCES = {
  "static-text": "test://static-text",
  "watched-resource": "test://watched-resource",
  "static-binary": "test://static-binary",
  template: "test://template/{id}/data",
}

export const PROMPTS = [
  "test_simple_prompt",
  "test_prompt_with_arguments",
  "test_prompt_with_embedded_resource",
  "test_prompt_with_image",
]

function makeServer(): McpServer {
  const server = new McpServer(
    { name: "conformance", version: "1.0.0" },
    { capabilities: { logging: {}, resources: { subscribe: true } } },
  )
  registerTools(server)
  registerPrompts(server)
  registerResources(server)
  return server
}

function registerTools(server: McpServer): void {
  for (const [name, content] of Object.entries(CONSTANT)) {
    server.registerTool(name, { description: name }, () => ({ content }))
  }
  for (const [name, { properties, ...rest }] of Object.entries(ELICITATIONS)) {
    const inputSchema = z.object({ message: z.string().optional() })
    server.registerTool(name, { description: name, inputSchema }, async ({ message = name }, { sendRequest }) => {
      const requestedSchema = { type: "object" as const, properties, ...rest }
      const asking = { method: "elicitation/create" as const, params: { message, requestedSchema } }
      const { action, content } = await sendRequest(asking, ElicitResultSchema)
      return { content: [text(`Elicitation completed: action=${action}, content=${JSON.stringify(content ?? {})}`)] }
    })
  }
  server.registerTool("test_error_handling", { description: "Fails" }, () => ({
    isError: true,
    content: [text("This tool intentionally returns an error for testing")],
  }))
  server.registerTool("test_tool_with_logging", { description: "Logs" }, async ({ sendNotification }) => {
    for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
      await sendNotification({ method: "notifications/message", params: { level: "info", data } })
      await sleep(50)
    }
    return { content: [text("Logged")] }
  })
  server.registerTool("test_tool_with_progress", { description: "Reports" }, async ({ sendNotification, _meta }) => {
    for (const progress of _meta?.progressToken === undefined ? [] : [0, 50, 100]) {
      const params = { progressToken: _meta?.progressToken ?? 0, progress, total: 100 }
      await sendNotification({ method: "notifications/progress", params })
      await sleep(50)
    }
    return { content: [text("Done")] }
  })
  const prompted = { description: "Asks the client's model", inputSchema: z.object({ prompt: z.string() }) }
  server.registerTool("test_sampling", prompted, async ({ prompt }, { sendRequest }) => {
    const params = { messages: [asked(text(prompt))], maxTokens: 100 }
    const asking = { method: "sampling/createMessage" as const, params }
    const { content } = await sendRequest(asking, CreateMessageResultSchema)
    return { content: [text(`LLM response: ${JSON.stringify(content)}`)] }
  })
}

function registerPrompts(server: McpServer): void {
  server.registerPrompt("test_simple_prompt", { description: "Simple" }, () => ({
    messages: [asked(text("This is a simple prompt for testing."))],
  }))
  const argsSchema = { arg1: completable(z.string(), () => ["paris", "park", "party"]), arg2: z.string() }
  server.registerPrompt("test_prompt_with_arguments", { description: "Arguments", argsSchema }, ({ arg1, arg2 }) => ({
    messages: [asked(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
  }))
  const embedding = { description: "A resource", argsSchema: { resourceUri: z.string() } }
  server.registerPrompt("test_prompt_with_embedded_resource", embedding, ({ resourceUri }) => ({
    messages: [asked(resource(resourceUri, "Embedded resource content for testing.")), asked(text("Process it."))],
  }))
  server.registerPrompt("test_prompt_with_image", { description: "An image" }, () => ({
    messages: [asked(image), asked(text("Please analyze the image above."))],
  }))
}

function registerResources(server: McpServer): void {
  for (const name of ["static-text", "watched-resource"] as const) {
    server.registerResource(name, RESOURCES[name], { mimeType: "text/plain" }, ({ href }) => ({
      contents: [{ uri: href, mimeType: "text/plain", text: `This is the content of ${name}.` }],
    }))
  }
  server.registerResource("static-binary", RESOURCES["static-binary"], { mimeType: "image/png" }, ({ href }) => ({
    contents: [{ uri: href, mimeType: "image/png", blob: PIXEL }],
  }))
  const template = new ResourceTemplate(RESOURCES.template, { list: undefined })
  server.registerResource("template", template, { mimeType: "application/json" }, ({ href }, { id }) => ({
    contents: [{ uri: href, mimeType: "application/json", text: JSON.stringify({ id, templateTest: true }) }],
  }))
  server.server.setRequestHandler(SubscribeRequestSchema, () => ({}))
  server.server.setRequestHandler(UnsubscribeRequestSchema, () => ({}))
}

/** Sessions as the library's own examples have them. */
export async function startConformanceServer(): Promise<Listening> {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  const begin = async (): Promise<StreamableHTTPServerTransport> => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    })
    await makeServer().connect(transport)
    return transport
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const id = request.headers["mcp-session-id"]
    const known = sessions.get(String(id))
    if (id !== undefined && !known) return void response.writeHead(404).end()
    await (known ?? (await begin())).handleRequest(request, response)
  }
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  return listen(server, 0)
}
