/** `narrowgate init`: a first policy directory, from the tools of a running MCP server or of an OpenAPI document. */
import { basename } from "node:path"
import { Option, type Command } from "commander"
import { mayBeFetched } from "../../src/credential/fetchable.ts"
import { SENSITIVITIES, type Sensitivity } from "../../src/catalog/tool.ts"
import { DIALECTS, type DialectName } from "../../src/policy/bundle.ts"
import { colors } from "../colors.ts"
import { asciiJson, escaped } from "../escaped.ts"
import { EXIT, Failure } from "../failure.ts"
import type { Found } from "../import/found.ts"
import { classesOf, classTable } from "../init/classes.ts"
import { filesOf } from "../init/files.ts"
import { nextCommands } from "../init/next.ts"
import { DIALECT_TRAITS, digestOfKey, GATEWAY, newKey, scopesOf, WRITES, type Plan, type Writes } from "../init/plan.ts"
import { answerTo, QUESTIONS } from "../init/questions.ts"
import { USUAL } from "../init/suggest.ts"
import { trustOf, type TrustOptions } from "../init/trust.ts"
import { refuseExisting, writeDirectory } from "../init/write.ts"
import { askChoice, askText, isSomebodyThere, withProgress } from "../terminal.ts"
import { checked, headersOf, mcpEndpoint, repeated, seconds } from "./import.ts"

interface InitOptions extends TrustOptions {
  readonly mcp?: string
  readonly openapi?: string
  readonly server?: string
  readonly header: readonly string[]
  readonly headerEnv: readonly string[]
  readonly timeout: number
  readonly basePath?: string
  readonly sensitivity?: Sensitivity
  readonly writes?: Writes
  readonly agent?: string
  readonly owner?: string
  readonly purpose?: string
  readonly group?: string
  readonly gateway?: DialectName
  readonly origin?: string
  readonly path?: string
  readonly yes?: boolean
  readonly json?: boolean
}

/** A gateway of the local stack. */
const LOCAL_ORIGIN = "http://127.0.0.1:8080"

export function addInit(program: Command): void {
  program
    .command("init")
    .description("begin a policy directory that protects an MCP server or an HTTP API")
    .argument("[DIR]", "the directory to make", "policies")
    .optionsGroup("What is protected:")
    .addOption(new Option("--mcp <URL>", "a running MCP server: its streamable HTTP endpoint").conflicts("openapi"))
    .option("--openapi <FILE>", "an OpenAPI 3.0 or 3.1 document of the API")
    .option("--server <NAME>", "a segment: the first of its tools' names")
    .addOption(repeated("--header <'NAME: VALUE'>", "sent to the MCP server; may be repeated; not for secrets"))
    .addOption(repeated("--header-env <'NAME: VARIABLE'>", "a header whose value is in an environment variable"))
    .option("--timeout <SECONDS>", "for the MCP server to answer", seconds, 30)
    .option("--base-path <PATH>", "before the document's paths (default: the path of `servers[0].url`)")
    .optionsGroup("Who may, and how:")
    .option("--agent <ID>", "who may call it: a SPIFFE ID or an https:// URI")
    .option("--owner <NAME>", "who answers for the agent")
    .option("--purpose <NAME>", "what the agent does with it")
    .option("--group <NAME>", "the people on whose behalf it may")
    .addOption(
      new Option("--sensitivity <LEVEL>", "of all tools, and the highest that is let through").choices(SENSITIVITIES),
    )
    .addOption(
      new Option("--writes <HOW>", "tools that change something: in comments, or behind a fresh login").choices(WRITES),
    )
    .addOption(new Option("--gateway <DIALECT>", "what stands before it").choices(DIALECTS))
    .option("--origin <ORIGIN>", `where agents call the gateway (of the local stack: ${LOCAL_ORIGIN})`)
    .option("--path <PATH>", "the MCP server's path there (default: /<server>/mcp)")
    .optionsGroup("Who is believed:")
    .option("--issuer <URL>", "the provider of people's logins (default: that of the local stack)")
    .option("--client <ID>", "its client whose sessions agents exchange", "narrowgate-app")
    .option("--operator-client <ID>", "its client for those who manage", "narrowgate")
    .option("--operator <SUBJECT>", "who manages, by the `sub` that it gives them")
    .option("--spiffe-bundle <URL>", "the keys of the agent's trust domain (with --issuer)")
    .option("--agent-keys <URL>", "the agent's own keys, a JWK set (with --issuer, of an https:// agent)")
    .optionsGroup("Options:")
    .option("--yes", "ask nothing: take what the flags say, and else what is suggested")
    .option("--json", "as JSON, and without questions")
    .addHelpText("after", HELP)
    .action(init)
}

const HELP = `
Examples:
  narrowgate init mine                                             asks what it wants to know
  narrowgate init mine --mcp http://127.0.0.1:3001/mcp --server tickets --yes
  narrowgate init mine --openapi shop.yaml --server shop --gateway nginx --writes guarded --yes
  narrowgate init prod --mcp https://mcp.example/mcp --server tickets --origin https://api.example --yes \\
    --issuer https://idp.example --agent spiffe://acme.example/a --spiffe-bundle https://spire.acme.example/bundle

Reads are permitted for the one agent and the one group of people, up to \`internal\`; tools that speak of secrets are
\`restricted\`. What changes something stands in comments. Nothing is written over a directory that is there.
`

async function init(directory: string, options: InitOptions): Promise<void> {
  await refuseExisting(directory)
  const isAsked = !options.yes && !options.json
  if (isAsked && !isSomebodyThere()) {
    const mend = "Add `--yes` to take what the flags say, and else what is suggested."
    throw new Failure("nobody is at the terminal to be asked", mend, EXIT.usage)
  }
  const source = await sourceOf(options, isAsked)
  const server = await answerTo(QUESTIONS.server, options.server, source.name, isAsked)
  const isLocal = options.issuer === undefined
  const origin = await answerTo(QUESTIONS.origin, options.origin, isLocal ? LOCAL_ORIGIN : null, isAsked)
  const at = { origin, path: options.path ?? `/${server}/mcp` }
  checked({ name: server, ...at }, {})
  const found = await find(source, server, at, options)
  const classes = await classesOf(found.tools, options.sensitivity, isAsked)
  const writes = options.writes ?? (isAsked ? await askWrites() : "listed")
  const agent = await answerTo(QUESTIONS.agent, options.agent, "spiffe://example.org/agent/assistant", isAsked)
  const trust = trustOf(options, agent)
  const owner = await answerTo(QUESTIONS.owner, options.owner, "platform-team", isAsked)
  const purpose = await answerTo(QUESTIONS.purpose, options.purpose, "look-things-up", isAsked)
  const group = await answerTo(QUESTIONS.group, options.group, "support", isAsked)
  const dialect = options.gateway ?? (isAsked ? await askDialect() : "envoy")
  const key = newKey()
  const plan: Plan = {
    found,
    classes,
    at,
    probe: source.kind === "mcp" && mayBeFetched(source.url, true) ? source.url.href : null,
    highest: options.sensitivity ?? USUAL,
    writes,
    agent,
    owner,
    purpose,
    group,
    gateway: { dialect, keyDigest: digestOfKey(key) },
    trust,
  }
  refuseEmpty(plan)
  const files = await filesOf(plan)
  await withProgress("checking what is written", () => writeDirectory(directory, files))
  tell(directory, plan, [...files.keys()], key, options.json ?? false)
}

type Source =
  | { readonly kind: "mcp"; readonly url: URL; readonly name: string }
  | { readonly kind: "openapi"; readonly file: string; readonly name: string }

async function sourceOf({ mcp, openapi }: InitOptions, isAsked: boolean): Promise<Source> {
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

async function find(source: Source, server: string, at: Plan["at"], options: InitOptions): Promise<Found> {
  if (source.kind === "mcp") {
    const { findMcpTools } = await import("../import/mcp.ts")
    const asked = { url: source.url, headers: headersOf(options), server, at, seconds: options.timeout }
    return withProgress("asking the server for its tools", () => findMcpTools(asked))
  }
  const { findOpenApiTools } = await import("../import/openapi.ts")
  const { basePath } = options
  if (basePath !== undefined) checked({ name: server, origin: at.origin, path: basePath }, { path: "--base-path" })
  const below = basePath === undefined ? {} : { basePath: basePath === "/" ? "" : basePath }
  return withProgress("reading the document", () =>
    findOpenApiTools({ file: source.file, prefix: server, origin: at.origin, ...below }),
  )
}

function askWrites(): Promise<Writes> {
  return askChoice("Reads are let through. Tools that change something?", [
    { value: "listed", label: "Not yet", hint: "they stand in comments, ready to be let through" },
    { value: "guarded", label: "After a fresh login only", hint: "forbid … unless" },
  ])
}

function askDialect(): Promise<DialectName> {
  const choices = DIALECTS.map((value) => ({
    value,
    label: value === "worker" ? "another Worker, by a service binding" : value,
    hint: DIALECT_TRAITS[value].body ? "" : "forwards no bodies: arguments stay unknown",
  }))
  return askChoice("What stands before it?", choices)
}

/** A purpose that covers nothing would not check, in words that nobody has written. */
function refuseEmpty(plan: Plan): void {
  if (plan.found.tools.length === 0) {
    throw new Failure(`there is no tool at ${escaped(plan.found.source)}`, "Nothing is written: look at the source.")
  }
  if (scopesOf(plan).length > 0) return
  const mend = "`--writes guarded` lets the others through, after a fresh login."
  throw new Failure("no tool there only reads, so nothing would be let through", mend)
}

function tell(directory: string, plan: Plan, files: readonly string[], key: string, json: boolean): void {
  const { found, gateway, classes } = plan
  const next = nextCommands(directory, plan)
  if (json) {
    const told = { directory, files, source: found.source, classes: Object.fromEntries(classes), key, next }
    return console.log(asciiJson({ ...told, refused: found.refused, skipped: found.skipped, notes: notesOf(plan) }))
  }
  const left = [...found.refused, ...found.skipped].map(
    ({ what, why }) => `  left out ${escaped(what, 200)}: ${escaped(why, 300)}`,
  )
  const lines = [
    `${colors.bold(found.prefix)}: ${escaped(found.source)}`,
    classTable(classes),
    ...left,
    ...notesOf(plan).map((note) => `  ${colors.yellow("note")}  ${escaped(note, 600)}`),
    "",
    colors.green(`${directory}: written, and it checks (${files.length} files)`),
    "",
    `The key of the gateway \`${GATEWAY}\` (${gateway.dialect}), shown only now; its SHA-256 is in gateways.yaml:`,
    `  ${colors.bold(key)}`,
    "",
    "Next:",
    ...next.map((command) => `  ${colors.cyan(command)}`),
  ]
  console.log(lines.join("\n"))
}

const BLIND =
  "forwards no bodies, and this server does not enforce its headers: there, calls of its tools cannot be told apart, and are denied"

function notesOf({ found, gateway, probe }: Plan): readonly string[] {
  const { reached } = found
  if (reached.by === "routes") return found.notes
  const isBlind = !DIALECT_TRAITS[gateway.dialect].body && !reached.enforcesHeaders
  return [
    ...found.notes,
    ...(isBlind ? [`${gateway.dialect} ${BLIND}`] : []),
    ...(probe === null ? ["Narrowgate cannot ask the server itself, so nobody watches the pins: add a `probe`"] : []),
  ]
}
