/** An agent that people run in a terminal, as a program drives it. Another program takes the place of its model. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { z } from "zod"
import { endWithUs, stop } from "../../../dev/loopback.ts"
import { runsIn } from "../command.ts"
import { installation } from "../installed.ts"
import { startResponsesModel, toCall, type Wanted } from "../model.ts"
import { ONLY_IN_WORDS, type Order, type Outcome, type Row, type Session } from "../row.ts"

/** What its app server sends: answers, news, and questions to its user, which have an id and a method. */
const sent = z.looseObject({
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
})
const begun = z.object({ thread: z.looseObject({ id: z.string() }) })
const done = z.object({
  item: z.looseObject({ type: z.string(), text: z.string().optional(), status: z.string().optional() }),
})
const question = z.looseObject({ mode: z.string(), url: z.string().optional() })

/** One conversation, in which its user lets it call the tools of the server. */
async function converse(
  command: string,
  { home, visit }: Order,
  env: Readonly<Record<string, string>>,
): Promise<Session> {
  const model = await startResponsesModel()
  const provider = `{ name = "A program", base_url = "${model.origin}/v1", wire_api = "responses" }`
  const settings = ["model=played", "model_provider=program", `model_providers.program=${provider}`]
  const child = spawn(command, [...settings.flatMap((each) => ["-c", each]), "app-server"], {
    cwd: home,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["pipe", "pipe", "ignore"],
  })
  endWithUs(child)
  child.stdin.on("error", () => undefined)
  const send = (what: object): void => void child.stdin.write(`${JSON.stringify(what)}\n`)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  /** Reads on to what is looked for; answers what its user is asked until then. */
  const until = async <Found>(find: (message: z.infer<typeof sent>) => Found | undefined): Promise<Found> => {
    for (;;) {
      const { value, done: ended } = await lines.next()
      if (ended === true) throw new Error("the program has ended")
      const said = sent.parse(JSON.parse(value))
      if (said.method === "mcpServer/elicitation/request") {
        const { mode, url } = question.parse(said.params)
        // Of its own, in a form: whether it may call the tool.
        const action = mode === "form" || (await visit(url ?? "")) ? "accept" : "cancel"
        send({ id: said.id, result: { action, content: null, _meta: null } })
      }
      const found = find(said)
      if (found !== undefined) return found
    }
  }
  let asked = 0
  const ask = async (method: string, params: object): Promise<unknown> => {
    const id = ++asked
    send({ id, method, params })
    return until((said) =>
      said.id === id && said.method === undefined ? (said.result ?? said.error ?? null) : undefined,
    )
  }
  await ask("initialize", { clientInfo: { name: "test", title: null, version: "1" }, capabilities: null })
  send({ method: "initialized" })
  const { thread } = begun.parse(await ask("thread/start", { cwd: home }))
  /** What the model says in the end: what the tool has answered. */
  const use = async (what: Wanted): Promise<Outcome> => {
    let failed = false
    let text = ""
    await ask("turn/start", { threadId: thread.id, input: [{ type: "text", text: toCall(what), text_elements: [] }] })
    await until((said) => {
      const { data } = done.safeParse(said.method === "item/completed" ? said.params : null)
      if (data?.item.type === "mcpToolCall") failed = data.item.status === "failed"
      if (data?.item.type === "agentMessage") text = data.item.text ?? ""
      return said.method === "turn/completed" || undefined
    })
    return { failed, text }
  }
  return {
    // It tells its model of no name with a hyphen.
    call: async (tool, args) => use({ namespace: "mcp__desk", tool: tool.replaceAll("-", "_"), arguments: args }),
    list: async (what) =>
      what === "resources"
        ? use({ tool: "list_mcp_resources", arguments: { server: "desk" } })
        : { failed: true, text: "it has no prompts" },
    get: async (_what, uri) => use({ tool: "read_mcp_resource", arguments: { server: "desk", uri } }),
    async close() {
      await stop(child)
      await model.close()
    },
  }
}

export const codex: Row = {
  name: "codex",
  title: "Codex",
  version: ["terminal/package.json", "@openai/codex"],
  redirects: ["http://127.0.0.1/callback"],
  start: async ({ document, browser }, order) => {
    const { client, server, user, home } = order
    const env = { HOME: home, BROWSER: browser(user), CODEX_HOME: home }
    const command = installation("terminal/node_modules/.bin/codex")
    const run = runsIn(home, env)
    // Of an earlier conversation, or of another server.
    await run(command, "mcp", "remove", "desk")
    // Adding a server signs in at it.
    await run(command, "mcp", "add", "desk", "--url", server, "--oauth-client-id", document(client))
    return converse(command, order, env)
  },
  misses: {
    dialog: ONLY_IN_WORDS,
    stepUp: {
      reason:
        "It tells its model that the scope is insufficient; its user signs in for more by `codex mcp login --scopes`.",
      says: /error: Insufficient scope$/u,
    },
    lists: { reason: "It has no prompts.", says: /^it has no prompts$/u },
  },
}
