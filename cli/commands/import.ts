/** `narrowgate import`: what a server or a document offers becomes entries of the catalog. */
import { problemAsJson } from "../compiler/source/problem.ts"
import { Option, type Command } from "commander"
import { SENSITIVITIES, type Sensitivity } from "../../src/core/catalog/tool.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { FoundTools } from "../import/found-tools.ts"
import { readCatalog } from "../import/merge.ts"
import { checked, headersOf, mcpEndpoint, repeated, seconds, type HeaderOptions } from "../import/options.ts"
import { readCatalogText, runImport, type Person } from "../import/run.ts"
import { isRefused, toldAsJson, toldTo } from "../import/render.ts"
import { reportProblems } from "../compiler/report.ts"
import { askLine, isSomebodyThere, withProgress } from "../terminal/prompts.ts"

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
    .description("add the tools of a server or a document to the catalog")
    .addHelpText("after", "\nExample:\n  narrowgate import mcp https://mcp.example/mcp --server tickets --dry-run\n")
  common(group.command("mcp"), "a segment: what the catalog calls the server")
    .description("the tools of a running MCP server, pinned to what it says of them")
    .argument("<URL>", "its streamable HTTP endpoint")
    .option("--origin <ORIGIN>", "where clients reach it through a gateway (not needed once the catalog says it)")
    .option("--path <PATH>", "its path there (likewise)")
    .addOption(repeated("--header <'NAME: VALUE'>", "sent with every request; may be repeated; not for secrets"))
    .addOption(repeated("--header-env <'NAME: VARIABLE'>", "a header whose value is in an environment variable"))
    .option("--repin", "take tools that have changed, or have no pin, as they are now")
    .option("--timeout <SECONDS>", "for all of it", seconds, 30)
    .addHelpText("after", MCP_HELP)
    .action(importMcp)
  common(group.command("openapi"), "a segment: the first of the tools' names")
    .description("the operations of an OpenAPI 3.0 or 3.1 document, each with its route")
    .argument("<FILE>", "the document, in JSON or YAML")
    .requiredOption("--origin <ORIGIN>", "where clients reach the API through a gateway")
    .option("--base-path <PATH>", "before the paths of the operations (default: the path of `servers[0].url`)")
    .option("--reroute", "take routes that have changed, or that take requests from other tools, as they are now")
    .addHelpText("after", OPENAPI_HELP)
    .action(importOpenApi)
}

const ACCEPTANCE = `
At a terminal you are asked about each new tool. Elsewhere, each gets the action \`execute\` and the sensitivity
\`restricted\`, with a comment that tells the suggestion; --accept takes the suggested actions and labels.
Exit code 1: a tool is another than the one that was let in, and nobody has taken it; or a bad list or document.
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
    .option("--policies <DIR>", "the policy directory", "policies")
    .requiredOption("--server <NAME>", server)
    .option("--accept", "take all suggestions unasked")
    .addOption(new Option("--sensitivity <LEVEL>", "of all new tools").choices(SENSITIVITIES))
    .option("--prune", "remove tools from the catalog that are there no more")
    .option("--dry-run", "show what would change, write nothing")
    .option("--json", "as JSON, and without questions")
}

async function importMcp(url: string, options: McpOptions): Promise<void> {
  const source = {
    url: mcpEndpoint(url),
    headers: headersOf(options),
    server: options.server,
    at: await placeOf(options),
    seconds: options.timeout,
  }
  // No other command should wait until a client of MCP is loaded.
  const { findMcpTools } = await import("../import/mcp/mcp.ts")
  const found = await withProgress("asking the server for its tools", () => findMcpTools(source))
  await finish(found, options, { replace: options.repin ?? false, flag: "--repin" })
}

async function importOpenApi(file: string, options: OpenApiOptions): Promise<void> {
  const { server, origin, basePath, reroute } = options
  // Before the document is read: a wrong option would be told once for every operation.
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
  if (json) return console.log(jsonText({ ...toldAsJson(outcome), problems: problems.map(problemAsJson) }))
  console.log(toldTo(outcome, { replace: on.flag }))
  if (problems.length === 0) return
  const more = problems.length > MOST_PROBLEMS ? `\n… and ${problems.length - MOST_PROBLEMS} more\n` : ""
  const report = reportProblems(policies, { problems: problems.slice(0, MOST_PROBLEMS), texts })
  console.log(`\nThen \`narrowgate check ${policies}\` says:\n${report}${more}`)
}

/** Where the server is reached, as far as the catalog does not say it. */
async function placeOf({ policies, server, origin, path }: McpOptions) {
  const known = readCatalog(await readCatalogText(policies)).servers.find(({ name }) => name === server)
  if (!known) {
    if (origin === undefined || path === undefined) {
      const fix = "Say where clients reach it through a gateway: `--origin https://api.example --path /mcp`."
      throw new Failure(`the catalog has no server \`${server}\` yet`, fix, EXIT.usage)
    }
    checked({ name: server, origin, path }, {})
    return { origin, path }
  }
  if ((origin ?? known.origin) !== known.origin || (path ?? known.path) !== known.path) {
    const message = `the catalog has \`${server}\` at ${known.origin}${known.path}`
    throw new Failure(message, "Leave `--origin` and `--path` out, or change the catalog's entry first.", EXIT.usage)
  }
  return null
}

const PERSON: NonNullable<Person> = { tell: (line) => console.error(line), ask: askLine }
