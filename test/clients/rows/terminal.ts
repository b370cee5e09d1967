/** Agents that people run in a terminal. Without a model they sign in and connect, and call nothing. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { freePort } from "../../../dev/loopback.ts"
import { installation } from "../installed.ts"
import type { Column, Miss, Row, Session } from "../row.ts"

const MANIFEST = "terminal/package.json"

type Run = (command: string, ...args: readonly string[]) => Promise<string>

/** @param home in which it is also started */
const runsIn =
  (home: string, env: Readonly<Record<string, string>>): Run =>
  async (command, ...args) => {
    const running = promisify(execFile)(command, args, {
      cwd: home,
      env: { PATH: process.env["PATH"] ?? "", HOME: home, ...env },
      timeout: 30_000,
    })
    running.child.stdin?.end()
    const { stdout, stderr } = await running
    return stdout + stderr
  }

/** Whatever it is asked, it only says what it has come to. */
function withoutModel(state: string): Session {
  const said = { failed: true, text: state }
  return { call: async () => said, list: async () => said, get: async () => said, close: async () => undefined }
}

const nothing = (state: string, says: RegExp): Record<Column, Miss> => {
  const miss = { reason: `It is ${state}; to call a tool it needs a model.`, says }
  return { call: miss, survives: miss, why: miss, approval: miss, stepUp: miss, lists: miss }
}

export const claudeCode: Row = {
  name: "claude-code",
  title: "Claude Code",
  version: [MANIFEST, "@anthropic-ai/claude-code"],
  redirects: ["http://localhost/callback"],
  start: async ({ document, browser }, { client, server, user, home }) => {
    const claude = installation("terminal/node_modules/.bin/claude")
    const run = runsIn(home, { BROWSER: browser(user) })
    const port = String(await freePort())
    const options = ["--transport", "http", "--client-id", document(client), "--callback-port", port]
    await run(claude, "mcp", "add", ...options, "desk", server)
    // It signs in only at a terminal, which `script` gives it.
    await run("script", "-qfec", `${claude} mcp login desk`, "/dev/null")
    return withoutModel(await run(claude, "mcp", "list"))
  },
  misses: nothing("signed in and connected", /desk: .* ✔ Connected/u),
}

/** Adding a server signs in at it. */
export const codex: Row = {
  name: "codex",
  title: "Codex",
  version: [MANIFEST, "@openai/codex"],
  redirects: ["http://127.0.0.1/callback"],
  start: async ({ document, browser }, { client, server, user, home }) => {
    const command = installation("terminal/node_modules/.bin/codex")
    const run = runsIn(home, { BROWSER: browser(user), CODEX_HOME: home })
    await run(command, "mcp", "add", "desk", "--url", server, "--oauth-client-id", document(client))
    return withoutModel(await run(command, "mcp", "list"))
  },
  misses: nothing("signed in", /^desk .* enabled +OAuth/mu),
}
