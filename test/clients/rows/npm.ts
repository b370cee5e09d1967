/** Clients in JavaScript, each in a process of its own. */
import { installation } from "../installed.ts"
import { startProgram } from "../program.ts"
import { ONLY_AT_FIRST, ONLY_IN_WORDS, type Row, type Start } from "../row.ts"

const MANIFEST = "npm/package.json"

const program =
  (name: string): Start =>
  async ({ document, clipboard, browser }, { client, server, user, home, visit }) => {
    const order = { server, document: document(client), browser: clipboard(user) }
    return startProgram({
      command: process.execPath,
      args: [installation("npm", name), JSON.stringify(order)],
      env: { BROWSER: browser(user), HOME: home },
      visit,
    })
  }

export const aiSdk: Row = {
  name: "ai-sdk",
  title: "AI SDK",
  version: [MANIFEST, "@ai-sdk/mcp"],
  start: program("ai-sdk.mjs"),
  misses: {
    dialog: ONLY_IN_WORDS,
    stepUp: {
      reason: "It does not answer the challenge; it says which scope would do.",
      says: /A token with the scope desk\.\*:read desk\.send-mail:write would do/u,
    },
  },
}

export const openaiAgents: Row = {
  name: "openai-agents",
  title: "OpenAI Agents SDK (JavaScript)",
  version: [MANIFEST, "@openai/agents"],
  start: program("openai-agents.mjs"),
  misses: { dialog: ONLY_IN_WORDS, lists: { reason: "It has no prompts.", says: /^the SDK has no prompts$/u } },
}

export const mastra: Row = {
  name: "mastra",
  title: "Mastra",
  version: [MANIFEST, "@mastra/mcp"],
  redirects: ["http://localhost:3000/oauth/callback"],
  start: program("mastra.mjs"),
  misses: { stepUp: ONLY_AT_FIRST },
}
