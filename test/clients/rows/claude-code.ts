/** An agent that people run in a terminal, as a program drives it. Another program takes the place of its model. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { z } from "zod"
import { endWithUs, freePort, stop } from "../../../dev/loopback.ts"
import { runsIn } from "../command.ts"
import { installation } from "../installed.ts"
import { startMessagesModel, toCall, type Wanted } from "../model.ts"
import type { Order, Outcome, Row, Session } from "../row.ts"

const said = z.looseObject({
  type: z.string(),
  slash_commands: z.array(z.string()).optional(),
  result: z.string().optional(),
  request_id: z.string().optional(),
  request: z.looseObject({ url: z.string().optional() }).optional(),
  message: z.looseObject({ content: z.unknown() }).optional(),
})
const toolResult = z.array(
  z.looseObject({ type: z.literal("tool_result"), is_error: z.boolean().optional(), content: z.unknown() }),
)

/** One conversation of Claude Code, in which it asks nobody whether it may call a tool of the server. */
async function converse(
  claude: string,
  { home, visit }: Order,
  env: Readonly<Record<string, string>>,
): Promise<Session> {
  const model = await startMessagesModel()
  const streams = ["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
  const allowed = "mcp__desk,ListMcpResourcesTool,ReadMcpResourceTool"
  const child = spawn(claude, ["-p", ...streams, "--allowedTools", allowed], {
    cwd: home,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      ...env,
      ANTHROPIC_BASE_URL: model.origin,
      ANTHROPIC_API_KEY: "none",
      // It tells the model of each tool, and not only how to look for one.
      ENABLE_TOOL_SEARCH: "false",
    },
    stdio: ["pipe", "pipe", "inherit"],
  })
  endWithUs(child)
  child.stdin.on("error", () => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let commands: readonly string[] = []
  /** What it says in the end, unless it called a tool: then what that has answered. */
  const tell = async (content: string): Promise<Outcome> => {
    child.stdin.write(`${JSON.stringify({ type: "user", message: { role: "user", content } })}\n`)
    let outcome: Outcome | undefined
    for (;;) {
      const { value, done } = await lines.next()
      if (done === true) return { failed: true, text: "the program has ended" }
      const { type, slash_commands, result = "", request_id, request, message } = said.parse(JSON.parse(value))
      commands = slash_commands ?? commands
      // A page that its host is to show.
      if (type === "control_request") {
        const action = (await visit(request?.url ?? "")) ? "accept" : "cancel"
        const response = { subtype: "success", request_id, response: { action } }
        child.stdin.write(`${JSON.stringify({ type: "control_response", response })}\n`)
        continue
      }
      if (type === "result") return outcome ?? { failed: false, text: result }
      const { data: [answered] = [] } = toolResult.safeParse(message?.content)
      if (answered) outcome = { failed: answered.is_error ?? false, text: textOf(answered.content) }
    }
  }
  const command = (name: string): string => `mcp__desk__${name}`
  const use = async (tool: string, args: Wanted["arguments"]): Promise<Outcome> =>
    tell(toCall({ tool, arguments: args }))
  return {
    call: async (tool, args) => use(command(tool), args),
    async list(what) {
      if (what === "resources") return use("ListMcpResourcesTool", { server: "desk" })
      await tell("Hello")
      return { failed: false, text: commands.join(" ") }
    },
    get: async (what, name) =>
      what === "resources" ? use("ReadMcpResourceTool", { server: "desk", uri: name }) : tell(`/${command(name)}`),
    async close() {
      await stop(child)
      await model.close()
    },
  }
}

const parts = z.array(z.looseObject({ text: z.string().optional() }))
const textOf = (content: unknown): string =>
  typeof content === "string"
    ? content
    : parts
        .parse(content)
        .map(({ text = "" }) => text)
        .join(" ")

export const claudeCode: Row = {
  name: "claude-code",
  title: "Claude Code",
  version: ["terminal/package.json", "@anthropic-ai/claude-code"],
  redirects: ["http://localhost/callback"],
  start: async ({ document, browser }, order) => {
    const { client, server, user, home } = order
    const claude = installation("terminal/node_modules/.bin/claude")
    const run = runsIn(home, { BROWSER: browser(user) })
    const port = String(await freePort())
    const options = ["--transport", "http", "--client-id", document(client), "--callback-port", port]
    const name = "desk"
    // Of an earlier conversation, or of another server.
    await run(claude, "mcp", "remove", name).catch(() => undefined)
    await run(claude, "mcp", "add", ...options, name, server)
    // It signs in only at a terminal, which `script` gives it.
    await run("script", "-qfec", `${claude} mcp login desk`, "/dev/null")
    const listed = await run(claude, "mcp", "list")
    if (!/desk: .* ✔ Connected/u.test(listed)) throw new Error(listed)
    return converse(claude, order, { BROWSER: browser(user) })
  },
  misses: {
    stepUp: {
      reason: "Its user is told which scope is needed, and to sign in again at `/mcp`.",
      says: /needs additional permissions \(scope: "desk\.\*:read desk\.send-mail:write"\)/u,
    },
  },
}
