/** Official SDKs in Go, Rust and Java, each in a process of its own. */
import { join } from "node:path"
import { installation } from "../installed.ts"
import { startProgram } from "../program.ts"
import { ONLY_IN_WORDS, type Row, type Start } from "../row.ts"

const program =
  (command: string, ...args: readonly string[]): Start =>
  async ({ document, clipboard }, { client, server, user, visit }) => {
    const order = { server, document: document(client), browser: clipboard(user) }
    return startProgram({ command, args: [...args, JSON.stringify(order)], visit })
  }

export const goSdk: Row = {
  name: "go-sdk",
  title: "MCP Go SDK",
  version: ["go/go.mod", "github.com/modelcontextprotocol/go-sdk"],
  start: program(installation("go-mcp")),
  misses: {},
}

export const rustSdk: Row = {
  name: "rmcp",
  title: "MCP Rust SDK (`rmcp`)",
  version: ["rust/Cargo.toml", "rmcp"],
  start: program(installation("rmcp-client")),
  misses: { dialog: ONLY_IN_WORDS },
}

export const javaSdk: Row = {
  name: "java-sdk",
  title: "MCP Java SDK, with Nimbus for its tokens",
  version: ["java/pom.xml", "mcp"],
  start: program("java", "-cp", installation("java/*"), join(import.meta.dirname, "../java/Mcp.java")),
  misses: { dialog: ONLY_IN_WORDS },
}
