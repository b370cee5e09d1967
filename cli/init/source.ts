/** Where the tools are: a running MCP server, or an OpenAPI document, read by the importers. */
import { basename } from "node:path"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { FoundTools } from "../import/found-tools.ts"
import { checked, headersOf, mcpEndpoint, probeAt, type HeaderOptions } from "../import/options.ts"
import { askChoice, askText, withProgress } from "../terminal/prompts.ts"

export interface SourceOptions extends HeaderOptions {
  readonly mcp?: string
  readonly openapi?: string
  readonly timeout: number
  readonly basePath?: string
}

/** `name` is a suggestion. */
export type Source =
  | { readonly kind: "mcp"; readonly url: URL; readonly name: string }
  | { readonly kind: "openapi"; readonly file: string; readonly name: string }

export async function sourceOf({ mcp, openapi }: SourceOptions, isAsked: boolean): Promise<Source> {
  if (mcp !== undefined) return mcpSource(mcp)
  if (openapi !== undefined) return openApiSource(openapi)
  if (!isAsked) throw new Failure("nothing to protect is named", "Write `--mcp URL` or `--openapi FILE`.", EXIT.usage)
  const kind = await askChoice("What is to be protected?", [
    { value: "mcp", label: "An MCP server that runs" },
    { value: "openapi", label: "An HTTP API with an OpenAPI document" },
  ])
  const needed = (text: string) => (text === "" ? "it is needed" : undefined)
  return kind === "mcp"
    ? mcpSource(await askText("Its streamable HTTP endpoint, past any gateway", "", needed))
    : openApiSource(await askText("The document's file", "", needed))
}

function mcpSource(text: string): Source {
  const url = mcpEndpoint(text)
  const [host = ""] = url.hostname.split(".")
  return { kind: "mcp", url, name: segment(/^[a-z]/u.test(host) && host !== "localhost" ? host : "tools") }
}

function openApiSource(file: string): Source {
  return { kind: "openapi", file, name: segment(basename(file).replace(/\.[^.]*$/u, "")) }
}

function segment(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_-]+/gu, "-").replaceAll(/^-+|-+$/gu, "") || "tools"
}

export async function find(
  source: Source,
  server: string,
  at: { readonly origin: string; readonly path: string },
  options: SourceOptions,
): Promise<FoundTools> {
  if (source.kind === "mcp") {
    const { findMcpTools } = await import("../import/mcp/mcp.ts")
    const request = { url: source.url, headers: headersOf(options), server, at, seconds: options.timeout }
    return withProgress("listing the server's tools", () => findMcpTools(request))
  }
  const { findOpenApiTools } = await import("../import/openapi/openapi.ts")
  const { basePath } = options
  if (basePath !== undefined) checked({ name: server, origin: at.origin, path: basePath }, { path: "--base-path" })
  const below = basePath === undefined ? {} : { basePath: basePath === "/" ? "" : basePath }
  return withProgress("reading the document", () =>
    findOpenApiTools({ file: source.file, prefix: server, origin: at.origin, ...below }),
  )
}

export function probeOf(source: Source): string | null {
  return source.kind === "openapi" ? null : probeAt(source.url)
}
