/** Options that name a source of tools and how to reach it, read before any request or prompt. */
import { Option } from "commander"
import { mayBeFetched } from "../../src/core/encoding/url.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { catalogFile } from "../compiler/schema/catalog.ts"

export interface HeaderOptions {
  readonly header: readonly string[]
  readonly headerEnv: readonly string[]
}

export function mcpEndpoint(url: string): URL {
  const endpoint = URL.parse(url)
  if (endpoint && /^https?:$/u.test(endpoint.protocol) && endpoint.username === "" && endpoint.password === "") {
    return endpoint
  }
  const fix =
    "Write an `http(s)` URL without credentials in it; those go by `--header-env`. A server over stdio needs a bridge to streamable HTTP, such as supergateway."
  throw new Failure("the URL is not that of an MCP endpoint", fix, EXIT.usage)
}

/** Checks the options by the catalog's schema, before any request or prompt. */
export function checked(
  server: { name: string; origin: string; path: string },
  flags: { readonly path?: string },
): void {
  const [issue] = catalogFile.safeParse({ servers: [server] }).error?.issues ?? []
  if (!issue) return
  const flag = { name: "--server", origin: "--origin", path: flags.path ?? "--path" }[String(issue.path.at(-1))]
  const fix = issue.code === "custom" ? issue.params?.["fix"] : undefined
  throw new Failure(`\`${flag ?? "an option"}\`: ${issue.message}`, String(fix ?? "See --help."), EXIT.usage)
}

export function headersOf({ header, headerEnv }: HeaderOptions): Record<string, string> {
  const pairs = header.map((each) => pairOf("--header", each))
  for (const each of headerEnv) {
    const [name, variable] = pairOf("--header-env", each)
    const value = process.env[variable]
    if (value === undefined || value === "") {
      throw new Failure(
        `\`--header-env\`: the environment has no ${variable}`,
        "Set it to the whole value.",
        EXIT.usage,
      )
    }
    pairs.push([name, value])
  }
  const unsendable = pairs.find(([, value]) => !/^[\t\x20-\x7e\x80-\xff]*$/u.test(value))
  if (!unsendable) return Object.fromEntries(pairs)
  throw new Failure(`the value of ${unsendable[0]} cannot be sent`, "It may have no line breaks.", EXIT.usage)
}

function pairOf(flag: string, text: string): [string, string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/u.exec(text) ?? []
  if (name !== undefined && value !== undefined && value !== "") return [name, value]
  // It may be a secret, so it is not repeated.
  const example = flag === "--header" ? "X-Tenant: acme" : "Authorization: MCP_TOKEN"
  throw new Failure(`\`${flag}\` is no header`, `Write it as \`${flag} '${example}'\`.`, EXIT.usage)
}

export function repeated(flags: string, description: string): Option {
  const all = (text: string, before: readonly string[]) => [...before, text]
  return new Option(flags, description).argParser(all).default([], "none")
}

export function seconds(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 600) return value
  throw new Failure(`--timeout cannot be ${text}`, "Write a whole number of seconds from 1 to 600.", EXIT.usage)
}

/** Where Narrowgate may probe the server itself. A query may be a credential, which no catalog should hold. */
export function probeAt(url: URL): string | null {
  return url.search === "" && mayBeFetched(url, true) ? url.href : null
}
