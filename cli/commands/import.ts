/** `narrowgate import`: the tools of a server or a document become entries of the catalog. */
import { problemAsJson } from "../compiler/source/problem.ts"
import { Option, type Command } from "commander"
import { SENSITIVITIES, type Sensitivity } from "../../src/core/catalog/tool.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { FoundTools, ServerPlace } from "../import/found-tools.ts"
import { readCatalog } from "../import/merge.ts"
import { checked, headersOf, mcpEndpoint, probeAt, repeated, seconds, type HeaderOptions } from "../import/options.ts"
import { readCatalogText, runImport, type Person } from "../import/run.ts"
import { isRefused, importAsJson, toldTo } from "../import/render.ts"
import { parsePolicies } from "../compiler/model/policies.ts"
import { readPolicies } from "../compiler/model/read-directory.ts"
import { reportProblems } from "../compiler/report.ts"
import { askLine, isSomebodyThere, withProgress } from "../terminal/prompts.ts"
import { policiesOption } from "../terminal/options.ts"

/** One wrong origin is a problem of every route. */
const MOST_PROBLEMS = 3

interface CommonOptions {
  readonly policies: string
  readonly server: string
  readonly accept?: boolean
  readonly sensitivity?: Sensitivity
  readonly prune?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

interface McpOptions extends CommonOptions, HeaderOptions {
  readonly origin?: string
  readonly path?: string
  readonly repin?: boolean
  readonly timeout: number
}

interface OpenApiOptions extends CommonOptions {
  readonly origin: string
  readonly basePath?: string
  readonly reroute?: boolean
}

export function addImport(program: Command): void {
  const group = program
    .command("import")
    .description("add the tools of an MCP server or an OpenAPI document to the catalog")
    .addHelpText("after", "\nExample:\n  narrowgate import mcp https://mcp.example/mcp --server tickets --dry-run\n")
  common(group.command("mcp"), "the name of the server in the catalog: the first segment of its tools' names")
    .description("add the tools of a running MCP server, each pinned to its current definition")
    .argument("<URL>", "the server's streamable HTTP endpoint")
    .option(
      "--origin <ORIGIN>",
      "the origin at which clients reach it through a gateway (default: as in the catalog, otherwise that of the only gateway)",
    )
    .option("--path <PATH>", "its path at that origin (default: as in the catalog, otherwise /<server>/mcp)")
    .addOption(repeated("--header <'NAME: VALUE'>", "a header of every request, not a secret; may be repeated"))
    .addOption(
      repeated(
        "--header-env <'NAME: VARIABLE'>",
        "a header whose value is in an environment variable; may be repeated",
      ),
    )
    .option("--repin", "accept the current definition of tools that have changed, or have no pin")
    .option("--timeout <SECONDS>", "how long all requests may take", seconds, 30)
    .addHelpText("after", MCP_HELP)
    .action(importMcp)
  common(group.command("openapi"), "the first segment of the tools' names")
    .description("add the operations of an OpenAPI 3.0 or 3.1 document, each with its route")
    .argument("<FILE>", "the document, in JSON or YAML")
    .requiredOption("--origin <ORIGIN>", "the origin at which clients reach the API through a gateway")
    .option("--base-path <PATH>", "the prefix of the operations' paths (default: the path of `servers[0].url`)")
    .option("--reroute", "accept routes that have changed, or that take requests from other tools")
    .addHelpText("after", OPENAPI_HELP)
    .action(importOpenApi)
}

const ACCEPTANCE = `
At a terminal the command prompts for each new tool. Elsewhere, each gets the action \`execute\` and the sensitivity
\`restricted\`, with a comment that has the suggestion; --accept takes the suggested actions and labels.
Exit code 1: a tool differs from the one in the catalog and was not accepted; or the list or document is invalid.
`

const MCP_HELP = `
Examples:
  narrowgate import mcp http://127.0.0.1:3001/mcp --server everything --origin http://127.0.0.1:8080 --path /everything/mcp
  MCP_TOKEN="Bearer …" narrowgate import mcp https://mcp.example/mcp --server tickets --header-env 'Authorization: MCP_TOKEN'
  narrowgate import mcp http://127.0.0.1:3001/mcp --server everything --dry-run
${ACCEPTANCE}`

const OPENAPI_HELP = `
Examples:
  narrowgate import openapi crm.yaml --server crm --origin https://api.example
  narrowgate import openapi crm.json --server crm --origin https://api.example --base-path /crm/v2 --dry-run
${ACCEPTANCE}`

function common(command: Command, server: string): Command {
  return command
    .addOption(policiesOption())
    .requiredOption("--server <NAME>", server)
    .option("--accept", "accept all suggestions without prompts")
    .addOption(new Option("--sensitivity <LEVEL>", "the sensitivity of all new tools").choices(SENSITIVITIES))
    .option("--prune", "remove tools from the catalog that the source no longer has")
    .option("--dry-run", "show the changes and write nothing")
    .option("--json", "print the result as JSON, without prompts")
}

async function importMcp(url: string, options: McpOptions): Promise<void> {
  const endpoint = mcpEndpoint(url)
  const source = {
    url: endpoint,
    headers: headersOf(options),
    server: options.server,
    at: await placeOf(endpoint, options),
    seconds: options.timeout,
  }
  // Loaded here, so that no other command has to load an MCP client.
  const { findMcpTools } = await import("../import/mcp/mcp.ts")
  const found = await withProgress("listing the server's tools", () => findMcpTools(source))
  await finish(found, options, { replace: options.repin ?? false, flag: "--repin" })
}

async function importOpenApi(file: string, options: OpenApiOptions): Promise<void> {
  const { server, origin, basePath, reroute } = options
  // Before the document is read: otherwise a wrong option would be reported once for every operation.
  checked({ name: server, origin, path: basePath ?? "/" }, { path: "--base-path" })
  const at = basePath === undefined ? {} : { basePath: basePath === "/" ? "" : basePath }
  const { findOpenApiTools } = await import("../import/openapi/openapi.ts")
  const found = await withProgress("reading the document", () =>
    findOpenApiTools({ file, prefix: server, origin, ...at }),
  )
  await finish(found, options, { replace: reroute ?? false, flag: "--reroute" })
}

async function finish(
  found: FoundTools,
  options: CommonOptions,
  on: { replace: boolean; flag: string },
): Promise<void> {
  const { policies, accept = false, sensitivity, prune = false, dryRun: isDryRun = false, json = false } = options
  const wishes = { accept, replace: on.replace, prune, isDryRun, policies, ...(sensitivity && { sensitivity }) }
  const person = json || !isSomebodyThere() ? null : PERSON
  const { outcome, problems, texts } = await runImport(found, wishes, person)
  if (isRefused(outcome.differences, outcome.decisions)) process.exitCode = EXIT.refused
  if (json) return console.log(jsonText({ ...importAsJson(outcome), problems: problems.map(problemAsJson) }))
  console.log(toldTo(outcome, { replace: on.flag }))
  if (problems.length === 0) return
  const more = problems.length > MOST_PROBLEMS ? `\n… and ${problems.length - MOST_PROBLEMS} more\n` : ""
  const report = reportProblems(policies, { problems: problems.slice(0, MOST_PROBLEMS), texts })
  console.log(`\nThen \`narrowgate check ${policies}\` says:\n${report}${more}`)
}

/** Where the server is reached, unless the catalog says so. */
async function placeOf(endpoint: URL, { policies, server, origin, path }: McpOptions): Promise<ServerPlace | null> {
  const entry = readCatalog(await readCatalogText(policies)).servers.find(({ name }) => name === server)
  if (!entry) {
    const reached = origin ?? (await onlyOrigin(policies))
    if (reached === null) {
      const fix =
        "State the URL at which clients reach the server through a gateway: `--origin https://api.example --path /mcp`."
      throw new Failure(`the catalog has no server \`${server}\` yet`, fix, EXIT.usage)
    }
    const place = { origin: reached, path: path ?? `/${server}/mcp` }
    checked({ name: server, ...place }, {})
    const probe = probeAt(endpoint)
    return probe === null ? place : { ...place, probe }
  }
  if ((origin ?? entry.origin) !== entry.origin || (path ?? entry.path) !== entry.path) {
    const message = `the catalog has \`${server}\` at ${entry.origin}${entry.path}`
    throw new Failure(message, "Leave `--origin` and `--path` out, or change the catalog's entry first.", EXIT.usage)
  }
  return null
}

/** Of the one gateway; null if there are several, or gateways.yaml cannot be read. */
async function onlyOrigin(directory: string): Promise<string | null> {
  const { policies } = parsePolicies((await readPolicies(directory)).texts)
  const [origin, ...others] = policies?.gateways.value.gateways.flatMap(({ origins }) => origins) ?? []
  return origin !== undefined && others.length === 0 ? origin : null
}

const PERSON: NonNullable<Person> = { print: (line) => console.error(line), ask: askLine }
