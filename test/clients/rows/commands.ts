/** Clients that are commands. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { z } from "zod"
import { freePort } from "../../../dev/loopback.ts"
import { installation } from "../installed.ts"
import { ONLY_IN_WORDS, type Outcome, type Row, type Session, type Start } from "../row.ts"

const MANIFEST = "npm/package.json"

const result = z.looseObject({
  isError: z.boolean().optional(),
  content: z.array(z.looseObject({ text: z.string().optional() })),
})

const outcomeOf = (answer: unknown): Outcome => {
  const { isError = false, content } = result.parse(answer)
  return { failed: isError, text: content.map(({ text = "" }) => text).join(" ") }
}

/** A host such as Claude Desktop starts it and speaks MCP by its input and output. */
const remote =
  (isKnown: boolean): Start =>
  async ({ document, browser }, { client, server, user, home }): Promise<Session> => {
    const host = new Client({ name: "host", version: "1" })
    const port = String(await freePort())
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [
        installation("npm/node_modules/mcp-remote/dist/proxy.js"),
        ...[server, port],
        ...(isKnown ? ["--client-metadata-url", document(client)] : []),
      ],
      env: { PATH: process.env["PATH"] ?? "", HOME: home, BROWSER: browser(user) },
      stderr: "pipe",
    })
    let complaint = ""
    transport.stderr?.on("data", (said: Buffer) => {
      complaint = (complaint + said.toString()).slice(-4_000)
    })
    await host.connect(transport).catch((error: unknown) => {
      throw new Error(`${String(error)}; ${complaint}`, { cause: error })
    })
    return {
      call: async (name, args) => outcomeOf(await host.callTool({ name, arguments: { ...args } })),
      async list(what) {
        const text =
          what === "resources"
            ? (await host.listResources()).resources.map(({ uri }) => uri).join(" ")
            : (await host.listPrompts()).prompts.map(({ name }) => name).join(" ")
        return { failed: false, text }
      },
      async get(what, name) {
        const got = await (what === "resources" ? host.readResource({ uri: name }) : host.getPrompt({ name }))
        return { failed: false, text: JSON.stringify(got) }
      },
      close: async () => host.close(),
    }
  }

export const mcpRemote: Row = {
  name: "mcp-remote",
  title: "mcp-remote",
  version: [MANIFEST, "mcp-remote"],
  redirects: ["http://localhost/oauth/callback"],
  start: remote(true),
  misses: { dialog: ONLY_IN_WORDS },
}

export const mcpRemoteRegistering: Row = {
  name: "mcp-remote-registering",
  title: "mcp-remote, registering itself",
  version: [MANIFEST, "mcp-remote"],
  registersAs: "MCP CLI Proxy",
  start: remote(false),
  misses: { dialog: ONLY_IN_WORDS },
}

/** A result of a call, or anything else. */
const answered = z
  .looseObject({ result: z.looseObject({}) })
  .transform(({ result: said }) =>
    "content" in said ? outcomeOf(said) : { failed: false, text: JSON.stringify(said) },
  )

/** A process for each call. What it keeps of its tokens stands in the person's home. */
export const inspector: Row = {
  name: "inspector",
  title: "MCP Inspector (command line)",
  version: [MANIFEST, "@modelcontextprotocol/inspector"],
  redirects: ["http://127.0.0.1/oauth/callback"],
  start: async ({ document, browser }, { client, server, user, home }): Promise<Session> => {
    const run = async (...method: readonly string[]): Promise<Outcome> => {
      const args = [
        installation("npm/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"),
        ...["--cli", server, "--client-metadata-url", document(client), "--format", "json", "--method", ...method],
      ]
      const env = {
        PATH: process.env["PATH"] ?? "",
        HOME: home,
        BROWSER: browser(user),
        // There is no terminal here, on which it would open the browser by itself, and no keychain.
        MCP_AUTO_OPEN_ENABLED: "true",
        MCP_INSPECTOR_SECRET_STORE: "file",
      }
      const running = promisify(execFile)(process.execPath, args, { env, timeout: 40_000 })
      // What it may ask: whether to sign in for more scope.
      running.child.stdin?.end("y\n")
      return running.then(
        ({ stdout }) => answered.parse(JSON.parse(stdout)),
        ({ stdout, stderr, message }: { stdout?: string; stderr?: string; message: string }) => ({
          failed: true,
          text: `${stdout}${stderr}` || message,
        }),
      )
    }
    return {
      call: async (tool, args) => run("tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(args)),
      list: async (what) => run(`${what}/list`),
      get: async (what, name) =>
        what === "resources" ? run("resources/read", "--uri", name) : run("prompts/get", "--prompt-name", name),
      close: async () => undefined,
    }
  },
  misses: { dialog: ONLY_IN_WORDS },
}
