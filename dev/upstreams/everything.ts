/**
 * The reference MCP server, an unchanged third-party program. It listens on ALL interfaces and nothing can change that;
 * its tool `get-env` discloses its environment. Hence an empty environment, and no run outside of development.
 */
import { spawn } from "node:child_process"
import { createRequire } from "node:module"
import { accepting, endWithUs, freePort, stop } from "../loopback.ts"

const require = createRequire(import.meta.url)

export interface Upstream {
  /** For an MCP server its endpoint; for an API its root, without a slash. */
  readonly url: string
  readonly close: () => Promise<void>
}

/** Port 0: a free one. */
export async function startEverything(options: { readonly port: number }): Promise<Upstream> {
  const port = options.port === 0 ? await freePort() : options.port
  const entry = require.resolve("@modelcontextprotocol/server-everything/dist/index.js")
  const child = spawn(process.execPath, [entry, "streamableHttp"], {
    env: { PORT: String(port) },
    stdio: ["ignore", "ignore", "pipe"],
  })
  endWithUs(child)
  let complaint = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-2_000)
  })
  await accepting(child, port, () => complaint)
  return { url: `http://127.0.0.1:${port}/mcp`, close: () => stop(child) }
}
