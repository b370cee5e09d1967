/** `narrowgate try`: one call through a gateway of the local stack, as an agent would make it, and what was decided. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { Option, type Command } from "commander"
import { parseDocument } from "yaml"
import { z } from "zod"
import { isObject } from "../../src/core/encoding/json.ts"
import { CALLED } from "../terminal/program-name.ts"
import { colors } from "../terminal/colors.ts"
import { jsonText, escaped } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { readCatalog } from "../import/merge.ts"
import { readCatalogText } from "../import/run.ts"
import { suggest } from "../../src/core/encoding/nearest.ts"
import type { CatalogFile } from "../compiler/schema/catalog.ts"
import { withProgress } from "../terminal/prompts.ts"
import { isAllowed, type GatewayAnswer } from "../remote/gateway-answer.ts"
import { isLoopback } from "../remote/worker.ts"
import { atWorker } from "./decisions.ts"
import { exchange, type ExchangeOptions } from "./token-exchange.ts"

interface TryOptions extends Omit<ExchangeOptions, "agent"> {
  readonly agent?: string
  readonly token?: string
  readonly policies: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** What a tool says back is shown this far. */
const MOST_SHOWN = 2_000

export function addTry(program: Command): void {
  atWorker(program.command("try"))
    .description("call a tool through a gateway of the local stack, and see what is decided")
    .argument("<TOOL>", "as the catalog calls it")
    .option("--agent <SPIFFE-ID>", "who calls, in a new task")
    .option(
      "--token <TOKEN>",
      "call in the task of this delegation token, as `token exchange` prints it; - reads it from standard input",
    )
    .option("--login <NAME>", "on whose behalf (absent: on the agent's own)")
    .option("--second-factor", "that user has logged in with a one-time code too")
    .addOption(new Option("--arguments <JSON>", "of the call, by name").argParser(argumentsOf).default({}, "none"))
    .option("--purpose <NAME>", "absent: the agent's first")
    .option("--scope <SCOPES>", "absent: the purpose's default")
    .option("--audience <URI>", "what the token is for (absent: the audience of the gateway where the tool is)")
    .option("--policies <DIR>", "the policy directory, which says where the tool is reached", "policies")
    .option("--json", "as JSON")
    .addHelpText("after", HELP)
    .action(tryTool)
}

const HELP = `
Examples:
  narrowgate try crm.tickets.get --agent spiffe://example.org/agent/support --login alice --arguments '{"ticket":"42"}'
  narrowgate try everything.echo --agent spiffe://example.org/agent/support --login alice --arguments '{"message":"hi"}'
  narrowgate token exchange --agent spiffe://example.org/agent/support --login alice > token
  narrowgate try crm.tickets.get --token - --arguments '{"ticket":"42"}' < token

Several calls in one task need the same token: without --token each call opens a task of its own.
Needs the local stack with gateways: npm run dev -- --policies DIR --gateway
Exit code 1: denied.
`

async function tryTool(tool: string, options: TryOptions): Promise<void> {
  if (!isLoopback(options.url)) {
    throw new Failure("only the local stack can be tried", "Leave `--url` out, and start `npm run dev`.", EXIT.usage)
  }
  const call = callOf(readCatalog(await readCatalogText(options.policies)), tool)
  const answer = await withProgress("calling", async () => {
    const token = await tokenOf(options, call.origin)
    return answered(call.origin, () => call.by(token, options.arguments))
  })
  if (!isAllowed(answer)) process.exitCode = EXIT.refused
  if (options.json) return console.log(jsonText({ tool, allowed: isAllowed(answer), ...answer }))
  console.log(told(tool, answer))
}

/** In a task that there is already, which has made other calls or waits for an approval; else in a new one. */
async function tokenOf(options: TryOptions, origin: string): Promise<string> {
  const { token, agent, audience = await audienceAt(origin, options.policies) } = options
  if (token !== undefined) return token === "-" ? (await text(process.stdin)).trim() : token
  if (agent === undefined) throw new Failure("nobody calls", "Name the agent: --agent, or --token.", EXIT.usage)
  const asked = { ...options, agent, ...(audience !== undefined && { audience }) }
  return (await exchange(asked)).access_token
}

const gatewaysFile = z.looseObject({
  gateways: z.array(z.looseObject({ audience: z.string(), origins: z.array(z.string()) })),
})

/** Of the gateway where the tool is reached; undefined where that is not clear, and the Worker says what is missing. */
async function audienceAt(origin: string, directory: string): Promise<string | undefined> {
  const file = await readFile(join(directory, "gateways.yaml"), "utf8").catch(() => "")
  const read = gatewaysFile.safeParse(parseDocument(file).toJSON())
  const gateways = read.success ? read.data.gateways : []
  const audiences = new Set(gateways.filter(({ origins }) => origins.includes(origin)).map(({ audience }) => audience))
  const [only, ...others] = audiences
  return others.length === 0 ? only : undefined
}

interface Call {
  readonly origin: string
  readonly by: (token: string, args: Readonly<Record<string, unknown>>) => Promise<GatewayAnswer>
}

function callOf({ servers, tools }: CatalogFile, tool: string): Call {
  const server = servers.find(({ name }) => tool.startsWith(`${name}.`))
  // Whether a server has a tool that the catalog does not list is for it to say: the call is denied before.
  if (server) {
    return {
      origin: server.origin,
      by: async (token, args) => {
        const { callMcpTool } = await import("../remote/call-mcp-tool.ts")
        return callMcpTool(new URL(server.path, server.origin), token, tool.slice(server.name.length + 1), args)
      },
    }
  }
  const route = tools.find(({ name }) => name === tool)?.route
  if (!route) {
    const names = tools.map(({ name }) => name)
    throw new Failure(
      `the catalog has no tool \`${escaped(tool, 200)}\``,
      suggest(tool, names, "Look there."),
      EXIT.usage,
    )
  }
  return {
    origin: route.origin,
    by: async (token, args) => (await import("../remote/call-route.ts")).callRoute(route, token, args),
  }
}

async function answered(origin: string, call: () => Promise<GatewayAnswer>): Promise<GatewayAnswer> {
  const answer = await call().catch((thrown: unknown) => {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    throw new Failure(
      `no answer from the gateway at ${origin}: ${escaped(why, 300)}`,
      "Start the local stack with gateways: `npm run dev -- --policies DIR --gateway`.",
      EXIT.unreachable,
    )
  })
  if (answer.decision !== null) return answer
  throw new Failure(
    `the gateway at ${origin} answered ${answer.status} without a decision`,
    answer.status === 502 ? "Is the server there that it stands before?" : "Look at what the local stack prints.",
    EXIT.unreachable,
  )
}

function told(tool: string, answer: GatewayAnswer): string {
  const { status, code, decision } = answer
  if (isAllowed(answer)) return `${colors.green("allowed")}  ${tool}  ${decision}\n${shown(answer.text)}`
  const why = `  ${colors.cyan("why:")} ${CALLED} explain ${decision}`
  return `${colors.red("denied")}   ${tool}  ${decision}\n  ${code} (HTTP ${status})\n${why}`
}

function shown(said: string): string {
  return said
    .slice(0, MOST_SHOWN)
    .split("\n")
    .map((line) => `  ${escaped(line)}`)
    .join("\n")
}

function argumentsOf(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json)
    if (isObject(value)) return value
  } catch {
    // Told below, as what is JSON but no object is.
  }
  throw new Failure("`--arguments` is no JSON object", `Write it as \`--arguments '{"ticket":"42"}'\`.`, EXIT.usage)
}
