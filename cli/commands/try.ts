/** `narrowgate try`: one call through a gateway of the local stack, as an agent would make it, and its decision. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import type { Command } from "commander"
import { parseDocument } from "yaml"
import { z } from "zod"
import { CALLED } from "../terminal/program-name.ts"
import { colors } from "../terminal/colors.ts"
import { jsonText, escaped } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { readCatalog } from "../import/merge.ts"
import { readCatalogText } from "../import/run.ts"
import { suggest } from "../../src/core/encoding/nearest.ts"
import type { CatalogFile } from "../compiler/schema/catalog.ts"
import { withProgress } from "../terminal/prompts.ts"
import { MAX_TOKEN_LIFE_MS } from "../../src/core/task/opening-step.ts"
import { statusWithin } from "../remote/await-approval.ts"
import { coveringPurpose, type CoveringPurpose } from "../remote/covering-purpose.ts"
import { isAllowed, type GatewayAnswer } from "../remote/gateway-answer.ts"
import { isLoopback } from "../remote/worker.ts"
import { argumentsOption, policiesOption, userOption } from "../terminal/options.ts"
import { atWorker } from "./worker-options.ts"
import { exchange, type ExchangeOptions } from "./token-exchange.ts"

interface TryOptions extends Omit<ExchangeOptions, "agent"> {
  readonly agent?: string
  readonly wait?: number
  readonly token?: string
  readonly policies: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** No token that was issued before the call lives longer: both the wait and the call after it need the token. */
const LONGEST_WAIT = MAX_TOKEN_LIFE_MS / 1000

function waitOf(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= LONGEST_WAIT) return value
  throw new Failure(`--wait cannot be ${text}`, `Write seconds, from 1 to ${LONGEST_WAIT}.`, EXIT.usage)
}

/** Characters of a tool's answer that are shown. */
const MOST_SHOWN = 2_000

export function addTry(program: Command): void {
  atWorker(program.command("try"))
    .description(
      "call a tool through a gateway of the local stack, and show the decision; it cannot prove a key (DPoP), so an agent that needs one is denied",
    )
    .argument("<TOOL>", "the name of the tool in the catalog")
    .option("--agent <SPIFFE-ID>", "the agent that calls, in a new task unless --task names one")
    .option("--task <ID>", "call in this task of the same agent and user, which an earlier call has printed")
    .option(
      "--token <TOKEN>",
      "call in the task of this delegation token, as `token exchange` prints it; - reads it from standard input",
    )
    .addOption(userOption("the user on whose behalf it acts (default: the agent itself)"))
    .option("--second-factor", "log the user in with a one-time code too")
    .addOption(argumentsOption("the arguments of the call, by name"))
    .option("--purpose <NAME>", "the purpose of the task (default: the agent's first that covers the tool)")
    .option("--scope <SCOPES>", "the scopes to request (default: those of the purpose, and the tool)")
    .option("--wait <SECONDS>", "if people have to approve the call: wait so long for them, and call again", waitOf)
    .option("--audience <URI>", "the audience of the token (default: that of the tool's gateway)")
    .addOption(policiesOption("the policy directory, whose catalog says where the tool is"))
    .option("--json", "print the result as JSON")
    .addHelpText("after", HELP)
    .action(tryTool)
}

const HELP = `
Examples:
  narrowgate try crm.tickets.get --agent spiffe://example.org/agent/support --user alice --arguments '{"ticket":"42"}'
  narrowgate try everything.echo --agent spiffe://example.org/agent/support --user alice --arguments '{"message":"hi"}'
  narrowgate try crm.tickets.get --agent spiffe://example.org/agent/support --user alice --task tsk_01J8… --arguments '{"ticket":"7"}'
  narrowgate try billing.refund --agent spiffe://example.org/agent/support --user alice --arguments '{"amount":12000}' --wait 300

Without --task or --token each call opens a task of its own, whose id is printed behind that of the decision.
The command needs the local stack with gateways: \`narrowgate dev --policies DIR --gateway\`.

Exit code 1: the call was denied.
`

async function tryTool(tool: string, options: TryOptions): Promise<void> {
  if (!isLoopback(options.url)) {
    throw new Failure("only the local stack can be tried", "Leave `--url` out, and start `narrowgate dev`.", EXIT.usage)
  }
  const call = callOf(readCatalog(await readCatalogText(options.policies)), tool)
  const gateways = await gatewaysAt(call.origin, options.policies)
  // The server asks, and answers the call itself: no gateway adds the id of the decision.
  const isAskedByServer = gateways.length > 0 && gateways.every(({ dialect }) => dialect === "authzen")
  const isNew = options.token === undefined && options.task === undefined && options.agent !== undefined
  const work = isNew ? await coveringPurpose(options.policies, options.agent ?? "", tool, options.purpose) : null
  const { token, task } = await withProgress("opening a task", () =>
    tokenOf({ ...options, ...requestOf(options, work) }, gateways, work),
  )
  const once = () =>
    withProgress("calling", () => answered(call.origin, isAskedByServer, () => call.by(token, options.arguments)))
  const first = await once()
  const isApproved = await awaitApproval(first, token, options)
  const answer = isApproved ? await once() : first
  const isMade = answer.decision === null && answer.code === null
  const allowed = isMade ? null : isAllowed(answer)
  if (allowed === false) process.exitCode = EXIT.refused
  if (options.json) return console.log(jsonText({ tool, allowed, task, ...answer }))
  console.log(resultText(tool, task, answer, work))
}

function requestOf({ scope }: TryOptions, work: CoveringPurpose | null): Pick<TryOptions, "purpose" | "scope"> {
  const requested = scope ?? work?.scope
  return {
    ...(work?.purpose !== undefined && { purpose: work.purpose }),
    ...(requested !== undefined && { scope: requested }),
  }
}

interface Opened {
  readonly token: string
  /** Null if only the token is known. */
  readonly task: string | null
}

/** In an existing task, which has made other calls or waits for an approval; otherwise in a new one. */
async function tokenOf(
  options: TryOptions,
  gateways: readonly GatewayEntry[],
  work: CoveringPurpose | null,
): Promise<Opened> {
  const { token, agent, audience = audienceOf(gateways) } = options
  if (token !== undefined) return { token: token === "-" ? (await text(process.stdin)).trim() : token, task: null }
  if (agent === undefined) throw new Failure("no agent is named", "Name the agent: --agent, or --token.", EXIT.usage)
  const request = { ...options, agent, ...(audience !== undefined && { audience }) }
  const { access_token, task = null } = await exchange(request).catch((thrown: unknown) => {
    if (!(thrown instanceof Failure) || work === null || work.lacking === null) throw thrown
    throw new Failure(thrown.message, `${work.lacking} ${thrown.fix}`, thrown.exitCode)
  })
  return { token: access_token, task }
}

/** Returns whether people have approved the call in time. */
async function awaitApproval({ approval }: GatewayAnswer, token: string, options: TryOptions): Promise<boolean> {
  const { wait } = options
  if (!approval || wait === undefined) return false
  console.error(`${colors.yellow("waiting")}  ${escaped(approval.url, 500)}`)
  const status = await withProgress("waiting for people", () => statusWithin(wait, approval, token, options))
  if (status === "pending") console.error(`nobody has answered within ${wait} s`)
  return status === "approved"
}

const gatewaysFile = z.looseObject({
  gateways: z.array(z.looseObject({ dialect: z.string(), audience: z.string(), origins: z.array(z.string()) })),
})
type GatewayEntry = z.infer<typeof gatewaysFile>["gateways"][number]

/** Those at the origin of the tool. */
async function gatewaysAt(origin: string, directory: string): Promise<readonly GatewayEntry[]> {
  const file = await readFile(join(directory, "gateways.yaml"), "utf8").catch(() => "")
  const read = gatewaysFile.safeParse(parseDocument(file).toJSON())
  return read.success ? read.data.gateways.filter(({ origins }) => origins.includes(origin)) : []
}

/** Undefined if it is not clear, and then the Worker says what is missing. */
function audienceOf(gateways: readonly GatewayEntry[]): string | undefined {
  const [only, ...others] = new Set(gateways.map(({ audience }) => audience))
  return others.length === 0 ? only : undefined
}

interface Call {
  readonly origin: string
  readonly by: (token: string, args: Readonly<Record<string, unknown>>) => Promise<GatewayAnswer>
}

function callOf({ servers, tools }: CatalogFile, tool: string): Call {
  const server = servers.find(({ name }) => tool.startsWith(`${name}.`))
  // Only the server itself knows whether it has a tool that the catalog does not list: the call is denied before.
  if (server) {
    return {
      origin: server.origin,
      by: async (token, args) => {
        const { callMcp } = await import("../remote/call-mcp.ts")
        const entry = { own: tool.slice(server.name.length + 1), ...tools.find(({ name }) => name === tool) }
        return callMcp(new URL(server.path, server.origin), token, entry, args)
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

async function answered(
  origin: string,
  isAskedByServer: boolean,
  call: () => Promise<GatewayAnswer>,
): Promise<GatewayAnswer> {
  const answer = await call().catch((thrown: unknown) => {
    if (thrown instanceof Failure) throw thrown
    throw new Failure(
      `no answer from the gateway at ${origin}: ${escaped(causeOf(thrown), 300)}`,
      origin.startsWith("https:")
        ? "Start that gateway; NODE_EXTRA_CA_CERTS=FILE names the authority of its certificate if it is your own."
        : "Start the local stack with gateways: `narrowgate dev --policies DIR --gateway`.",
      EXIT.unreachable,
    )
  })
  if (answer.decision !== null || (isAskedByServer && answer.status < 400)) return answer
  throw new Failure(
    `the gateway at ${origin} answered ${answer.status} without a decision`,
    WITHOUT_DECISION[answer.status] ?? "Look at what the local stack prints.",
    EXIT.unreachable,
  )
}

const WITHOUT_DECISION: Readonly<Record<number, string>> = {
  404: "Nothing of yours stands behind it at this path: start the local stack with `--upstream URL`, where your server is, or give the server a `probe` in catalog.yaml and start it again.",
  502: "Is the server there that it stands before?",
}

/** `fetch failed` says nothing; what made it fail is the innermost cause. */
function causeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const cause = thrown.cause === undefined ? "" : causeOf(thrown.cause)
  return cause === "" ? thrown.message : cause
}

export function resultText(
  tool: string,
  task: string | null,
  answer: GatewayAnswer,
  work: CoveringPurpose | null,
): string {
  const { status, code, decision, description, approval } = answer
  if (decision === null && code === null)
    return [
      `${colors.green("made")}     ${tool}${task === null ? "" : `  ${colors.dim(task)}`}`,
      shortText(answer.text),
      `  The server asks Narrowgate itself, and its answer names no decision: ${CALLED} decisions tail${task === null ? "" : ` --task ${task}`}`,
    ].join("\n")
  const ids = `${tool}${decision === null ? "" : `  ${decision}`}${task === null ? "" : `  ${colors.dim(task)}`}`
  if (isAllowed(answer))
    return [
      `${colors.green("allowed")}  ${ids}`,
      ...(status < 400 ? [] : [`  ${colors.yellow(`the server behind the gateway answered HTTP ${status}`)}`]),
      shortText(answer.text),
    ].join("\n")
  const lacking = code === "insufficient_scope" ? (work?.lacking ?? null) : null
  return [
    `${colors.red("denied")}   ${ids}`,
    // An MCP client gets a denial as its server would give it, in words for the model.
    ...(status < 400 ? [`  ${code}`, shortText(answer.text)] : [`  ${code} (HTTP ${status})`]),
    ...(description === null || status < 400 ? [] : [`  ${escaped(description, MOST_SHOWN)}`]),
    ...(lacking === null ? [] : [`  ${lacking}`]),
    ...(approval === null ? [] : [`  ${colors.cyan("approve:")} ${escaped(approval.url, 500)}`]),
    ...(approval === null || task === null ? [] : [`  ${colors.cyan("then:")} the same with --task ${task}`]),
    ...(decision === null ? [] : [`  ${colors.cyan("why:")} ${CALLED} explain ${decision}`]),
  ].join("\n")
}

function shortText(answer: string): string {
  return answer
    .slice(0, MOST_SHOWN)
    .split("\n")
    .map((line) => `  ${escaped(line)}`)
    .join("\n")
}
