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
import { report } from "../init/render.ts"
import { trustOf, type TrustOptions } from "../init/trust.ts"
import { writeProject } from "../init/project.ts"
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
  readonly template?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

const DIRECTORY = "policies"
/** A gateway of the local stack. */
const LOCAL_ORIGIN = "http://127.0.0.1:8080"

export function addInit(program: Command): void {
  program
    .command("init")
    .description("create a policy directory that protects an MCP server or an HTTP API")
    .argument("[DIR]", "the directory to create", DIRECTORY)
    .optionsGroup("What is protected:")
    .addOption(new Option("--mcp <URL>", "a running MCP server: its streamable HTTP endpoint").conflicts("openapi"))
    .option("--openapi <FILE>", "an OpenAPI 3.0 or 3.1 document of the API")
    .option("--server <NAME>", "the name of the server: the first segment of its tools' names")
    .addOption(repeated("--header <'NAME: VALUE'>", "a header for the MCP server, not a secret; may be repeated"))
    .addOption(
      repeated(
        "--header-env <'NAME: VARIABLE'>",
        "a header whose value is in an environment variable; may be repeated",
      ),
    )
    .option("--timeout <SECONDS>", "how long to wait for the MCP server", seconds, 30)
    .option("--base-path <PATH>", "the prefix of the document's paths (default: the path of `servers[0].url`)")
    .optionsGroup("What is permitted:")
    .option("--agent <ID>", "the agent that may call it: a SPIFFE ID or an https:// URI")
    .option("--owner <NAME>", "the owner of the agent")
    .option("--purpose <NAME>", "the purpose of the agent's tasks")
    .option("--group <NAME>", "the group of users on whose behalf it may call it")
    .addOption(
      new Option(
        "--sensitivity <LEVEL>",
        "the sensitivity of all tools, which is also the highest permitted one",
      ).choices(SENSITIVITIES),
    )
    .addOption(
      new Option(
        "--writes <HOW>",
        "permission of tools that change something: in comments, or after a recent login",
      ).choices(WRITES),
    )
    .addOption(new Option("--gateway <DIALECT>", "the gateway before the server").choices(DIALECT_NAMES))
    .option("--origin <ORIGIN>", `the origin at which agents call the gateway (of the local stack: ${LOCAL_ORIGIN})`)
    .option("--path <PATH>", "the MCP server's path at the gateway (default: /<server>/mcp)")
    .optionsGroup("Which identities are trusted:")
    .option("--issuer <URL>", "the identity provider of users and operators (default: that of the local stack)")
    .option("--client <ID>", "the OAuth client whose access tokens agents exchange", "narrowgate-app")
    .option("--operator-client <ID>", "the OAuth client of operators", "narrowgate")
    .option("--operator <SUBJECT>", "the `sub` of an operator")
    .option("--spiffe-bundle <URL>", "the SPIFFE bundle endpoint of the agent's trust domain; with --issuer")
    .option("--agent-keys <URL>", "the JWK Set of an https:// agent; with --issuer")
    .optionsGroup("Options:")
    .option("--template", "also what makes it a repository: a workflow that reviews and publishes, and a README")
    .option("--yes", "do not prompt: use the flags, otherwise the suggestions")
    .option("--json", "print the result as JSON, without prompts")
    .addHelpText("after", HELP)
    .action(init)
}

const HELP = `
Examples:
  narrowgate init mine                                             prompts for what it needs
  narrowgate init mine --mcp http://127.0.0.1:3001/mcp --server tickets --yes
  narrowgate init mine --openapi shop.yaml --server shop --gateway nginx --writes guarded --yes
  narrowgate init --template --mcp http://127.0.0.1:3001/mcp --server tickets --yes
  narrowgate init prod --mcp https://mcp.example/mcp --server tickets --origin https://api.example --yes \\
    --issuer https://idp.example --agent spiffe://acme.example/a --spiffe-bundle https://spire.acme.example/bundle

Reads are permitted for the one agent and the one group of users, up to \`internal\`; tools that mention secrets are
\`restricted\`. Permissions to change something are in comments. An existing directory is never overwritten.
Where no package.json is, one is written too, by which \`npx narrowgate\` is this version.
`

async function init(directory: string, options: InitOptions): Promise<void> {
  if (options.template && directory !== DIRECTORY) {
    throw new Failure(`a repository has its policies in ${DIRECTORY}`, "Name no directory.", EXIT.usage)
  }
  await refuseExisting(directory)
  const isAsked = !options.yes && !options.json
  if (isAsked && !isSomebodyThere()) {
    const fix = "Add `--yes` to use the flags, otherwise the suggestions."
    throw new Failure("there is no terminal for prompts", fix, EXIT.usage)
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
  const project = await writeProject(directory, options.template ?? false, trust.kind === "local")
  report({ directory, plan, files: [...files.keys()], key, project }, options.json ?? false)
}

function askWrites(): Promise<Writes> {
  return askChoice("Reads are permitted. Tools that change something?", [
    { value: "listed", label: "Not yet", hint: "they stand in comments, ready to be permitted" },
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

/** A purpose that covers nothing would fail the check, with a message about text that nobody has written. */
function refuseEmpty(plan: Plan): void {
  if (plan.found.tools.length === 0) {
    throw new Failure(`there is no tool at ${escaped(plan.found.source)}`, "Nothing is written: look at the source.")
  }
  if (scopesOf(plan).length > 0) return
  const fix = "`--writes guarded` permits the others, after a fresh login."
  throw new Failure("no tool there only reads, so nothing would be permitted", fix)
}
