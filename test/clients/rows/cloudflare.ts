/** Cloudflare's Agents SDK, whose client of MCP runs in workerd. */
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { promisify } from "node:util"
import { Miniflare } from "miniflare"
import { z } from "zod"
import { freePort, listen } from "../../../dev/loopback.ts"
import { installation } from "../installed.ts"
import { ONLY_AT_FIRST, type Row, type Session } from "../row.ts"

const WRANGLER = join(import.meta.dirname, "../../../node_modules/wrangler/bin/wrangler.js")

const added = z.object({ state: z.string(), authUrl: z.string().optional() })
const outcome = z.object({ failed: z.boolean(), text: z.string() })

let building: Promise<string> | undefined

async function build(): Promise<string> {
  const directory = installation("npm/worker")
  await promisify(execFile)(process.execPath, [WRANGLER, "deploy", "--dry-run", "--outdir", "dist"], {
    cwd: directory,
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" },
  })
  return readFile(join(directory, "dist/index.js"), "utf8")
}

export const cloudflareAgents: Row = {
  name: "cloudflare-agents",
  title: "Cloudflare Agents SDK",
  version: ["npm/package.json", "agents"],
  redirects: ["http://127.0.0.1/agents/my-agent/default/callback"],
  start: async ({ document, clipboard }, { client, server, user, visit }): Promise<Session> => {
    building ??= build()
    const person = await listen(
      createServer(async (request, response) => {
        response.end(JSON.stringify(await visit(await text(request))))
      }),
      0,
    )
    const port = await freePort()
    const variable = (value: string): { type: "text"; value: string } => ({ type: "text", value })
    const worker = new Miniflare({
      host: "127.0.0.1",
      port,
      logRequests: false,
      workers: [
        {
          config: {
            name: "my-agent",
            compatibilityDate: "2026-10-01",
            compatibilityFlags: ["nodejs_compat"],
            manifest: { mainModule: "index.js", modules: { "index.js": { type: "esm", contents: await building } } },
            env: {
              DOCUMENT: variable(document(client)),
              SERVER: variable(server),
              USER: variable(person.origin),
              MyAgent: { type: "durable-object", worker: "my-agent", exportName: "MyAgent" },
            },
            exports: { MyAgent: { type: "durable-object", storage: "sqlite" } },
          },
        },
      ],
    })
    await worker.ready
    const ask = async (question: object): Promise<unknown> => {
      const url = `http://127.0.0.1:${port}/agents/my-agent/default`
      return (await fetch(url, { method: "POST", body: JSON.stringify(question) })).json()
    }
    const open = async (link: string): Promise<void> => {
      const led = await fetch(clipboard(user), { method: "POST", body: link })
      await fetch(await led.text())
    }
    const close = async (): Promise<void> => {
      await worker.dispose()
      await person.close()
    }
    try {
      const { authUrl } = added.parse(await ask({}))
      if (authUrl !== undefined) await open(authUrl)
    } catch (error) {
      await close()
      throw error
    }
    return {
      call: async (tool, args) => outcome.parse(await ask({ tool, arguments: args })),
      list: async (what) => outcome.parse(await ask({ list: what })),
      get: async (what, name) => outcome.parse(await ask({ get: what, name })),
      close,
    }
  },
  misses: { stepUp: ONLY_AT_FIRST },
}
