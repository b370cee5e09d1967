/** Clients in Python, each in a process of its own. */
import { join } from "node:path"
import { installation } from "../installed.ts"
import { startProgram } from "../program.ts"
import { ONLY_IN_WORDS, type Row, type Start } from "../row.ts"

const python =
  (environment: string, program: string, isKnown = true): Start =>
  async ({ document, clipboard, browser }, { client, server, user, home, visit }) => {
    const order = { server, document: isKnown ? document(client) : null, browser: clipboard(user) }
    return startProgram({
      command: installation(environment, "bin/python"),
      args: [join(import.meta.dirname, "../python", program), JSON.stringify(order)],
      env: { BROWSER: browser(user), HOME: home },
      visit,
    })
  }

export const python1: Row = {
  name: "python-1",
  title: "MCP Python SDK 1.x",
  version: ["python/mcp-1.txt", "mcp"],
  start: python("mcp-1", "sdk.py"),
  misses: { dialog: ONLY_IN_WORDS },
}

export const python2: Row = {
  name: "python-2",
  title: "MCP Python SDK 2.x",
  version: ["python/mcp-2.txt", "mcp"],
  start: python("mcp-2", "sdk.py"),
  misses: {},
}

export const fastmcp: Row = {
  name: "fastmcp",
  title: "fastmcp",
  version: ["python/mcp-2.txt", "fastmcp"],
  redirects: ["http://localhost/callback"],
  start: python("mcp-2", "fastmcp_client.py"),
  misses: {},
}

export const fastmcpRegistering: Row = {
  name: "fastmcp-registering",
  title: "fastmcp, registering itself",
  version: ["python/mcp-2.txt", "fastmcp"],
  registersAs: "FastMCP Client",
  start: python("mcp-2", "fastmcp_client.py", false),
  misses: {},
}

export const langchainRegistering: Row = {
  name: "langchain-registering",
  title: "LangChain MCP adapters, registering themselves",
  version: ["python/mcp-1.txt", "langchain-mcp-adapters"],
  registersAs: "Python",
  start: python("mcp-1", "langchain.py", false),
  misses: { dialog: ONLY_IN_WORDS },
}

export const langchain: Row = {
  name: "langchain",
  title: "LangChain MCP adapters",
  version: ["python/mcp-1.txt", "langchain-mcp-adapters"],
  start: python("mcp-1", "langchain.py"),
  misses: { dialog: ONLY_IN_WORDS },
}

export const openaiAgentsPython: Row = {
  name: "openai-agents-python",
  title: "OpenAI Agents SDK (Python)",
  version: ["python/mcp-1.txt", "openai-agents"],
  start: python("mcp-1", "openai_agents.py"),
  misses: { dialog: ONLY_IN_WORDS },
}

export const pydanticAi: Row = {
  name: "pydantic-ai",
  title: "Pydantic AI",
  version: ["python/agents.txt", "pydantic-ai-slim"],
  redirects: ["http://localhost/callback"],
  start: python("agents", "pydantic_ai_client.py"),
  misses: {},
}

export const llamaIndex: Row = {
  name: "llama-index",
  title: "LlamaIndex",
  version: ["python/agents.txt", "llama-index-tools-mcp"],
  start: python("agents", "llama_index_client.py"),
  misses: { dialog: ONLY_IN_WORDS },
}

export const googleAdk: Row = {
  name: "google-adk",
  title: "Google ADK",
  version: ["python/agents.txt", "google-adk"],
  start: python("agents", "google_adk_client.py"),
  misses: {
    dialog: ONLY_IN_WORDS,
    lists: { reason: "It reads resources and has no prompts.", says: /^it has no prompts$/u },
  },
}
