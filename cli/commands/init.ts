/** `narrowgate init`: a first policy directory, from the tools of a running MCP server or of an OpenAPI document. */
import { Option, type Command } from "commander"
import { SENSITIVITIES, type Sensitivity } from "../../src/core/catalog/tool.ts"
import { DIALECT_NAMES, DIALECTS, type DialectName } from "../../src/core/policy/definition/gateways.ts"
import { escaped } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { checked, repeated, seconds } from "../import/options.ts"
import { classesOf } from "../init/classes.ts"
import { filesOf } from "../init/files.ts"
import { digestOfKey, newKey, scopesOf, WRITES, type Plan, type Writes } from "../init/files/plan.ts"
import { answerTo, QUESTIONS } from "../init/questions.ts"
import { find, probeOf, sourceOf, type SourceOptions } from "../init/source.ts"
import { USUAL } from "../init/suggest.ts"
import { tell } from "../init/render.ts"
import { trustOf, type TrustOptions } from "../init/trust.ts"
import { refuseExisting, writeDirectory } from "../init/write.ts"
import { askChoice, isSomebodyThere, withProgress } from "../terminal/prompts.ts"

interface InitOptions extends TrustOptions, SourceOptions {
  readonly server?: string
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
    .addOption(new Option("--gateway <DIALECT>", "what stands before it").choices(DIALECT_NAMES))
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
    const fix = "Add `--yes` to take what the flags say, and else what is suggested."
    throw new Failure("nobody is at the terminal to be asked", fix, EXIT.usage)
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
    probe: probeOf(source),
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

function askWrites(): Promise<Writes> {
  return askChoice("Reads are let through. Tools that change something?", [
    { value: "listed", label: "Not yet", hint: "they stand in comments, ready to be let through" },
    { value: "guarded", label: "After a fresh login only", hint: "forbid … unless" },
  ])
}

function askDialect(): Promise<DialectName> {
  const choices = DIALECT_NAMES.map((value) => ({
    value,
    label: value === "worker" ? "another Worker, by a service binding" : value,
    hint: DIALECTS[value].body ? "" : "forwards no bodies: arguments stay unknown",
  }))
  return askChoice("What stands before it?", choices)
}

/** A purpose that covers nothing would not check, in words that nobody has written. */
function refuseEmpty(plan: Plan): void {
  if (plan.found.tools.length === 0) {
    throw new Failure(`there is no tool at ${escaped(plan.found.source)}`, "Nothing is written: look at the source.")
  }
  if (scopesOf(plan).length > 0) return
  const fix = "`--writes guarded` lets the others through, after a fresh login."
  throw new Failure("no tool there only reads, so nothing would be let through", fix)
}
