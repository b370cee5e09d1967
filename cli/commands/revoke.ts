/** `narrowgate revoke`: suspends something now, lists what is suspended, and resumes it. */
import type { Command } from "commander"
import { z } from "zod"
import { hitsText, revocations, setStop, stopTarget, type Stop } from "../../src/api/contract/revocations.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { requestApi, type WorkerOptions } from "../remote/worker.ts"
import { atWorker } from "./worker-options.ts"

const KINDS = ["task", "token", "agent", "user", "issuer", "tool", "key"] as const
type Kind = (typeof KINDS)[number]

interface OperatorOptions extends WorkerOptions {
  readonly json?: boolean
}
interface RevokeOptions extends OperatorOptions, Partial<Readonly<Record<Kind, string>>> {
  readonly everything?: true
  readonly before?: string
  readonly reason?: string
  readonly confirm?: true
  readonly preview?: true
}

/** A task or a token ends permanently: no switch remains that could be lifted. */
const ended = z.looseObject({ task: z.string() })

export function addRevoke(program: Command): void {
  const revoke = asOperator(program.command("revoke"))
    .description("suspend an agent, a user, an identity provider, tools or everything; revoke a task, a token or a key")
    .option("--task <ID>", "the task and its sub-tasks, permanently")
    .option("--token <TOKEN>", "this delegation token, permanently; - reads it from standard input")
    .option("--agent <ID>", "the agent, and all tasks that other agents perform for it")
    .option("--user <NAME>", "the user, as ISSUER|SUBJECT")
    .option(
      "--issuer <URL>",
      "all people who log in at this identity provider: what is done for them, and what they do",
    )
    .option("--tool <PATTERN>", "a tool, or all tools below a prefix: crm.*")
    .option("--key <KID>", "a signing key of Narrowgate, permanently")
    .option("--everything", "every call and every token request")
    .option(
      "--before <TIME>",
      "only authority given before, such as 2026-11-26T12:00:00Z; not of a task, a token or a key",
    )
    .option("--reason <TEXT>", "the reason, which is recorded and listed")
    .option("--preview", "only show what would be suspended; not for a task or a token")
    .option("--confirm", "suspend it although nothing of this name is known, or although it suspends you")
    .addHelpText(
      "after",
      '\nExamples:\n  narrowgate revoke --agent spiffe://example.org/agent/support --reason "odd hours"\n  narrowgate revoke --user "https://id.example|42" --before 2026-11-26T12:00:00Z\n  narrowgate revoke list\n',
    )
    .action(add)
  asOperator(revoke.command("list"))
    .description("list what is suspended: by whom, why and since when")
    .addHelpText("after", "\nExample:\n  narrowgate revoke list --json\n")
    .action(async (_options: unknown, command: Command) => list(withoutTarget(command)))
  asOperator(revoke.command("lift"))
    .description("end a suspension; a key stays revoked, and what a suspended person gave before")
    .argument("<ID>", "the id of the suspension (swi_…), from `revoke list`")
    .addHelpText("after", "\nExample:\n  narrowgate revoke lift swi_2f6c…\n")
    .action(async (id: string, _options: unknown, command: Command) => lift(id, withoutTarget(command)))
}

/**
 * `revoke` takes its own options wherever they stand. A user who names a target must not be led to believe that it was
 * suspended.
 */
function withoutTarget(command: Command): OperatorOptions {
  const options: RevokeOptions = command.optsWithGlobals()
  const mistaken = [...KINDS, "everything", "before", "reason", "preview", "confirm"] as const
  const named = mistaken.find((name) => options[name] !== undefined)
  if (named === undefined) return options
  throw new Failure(
    `--${named} does not go with \`revoke ${command.name()}\``,
    "Leave it out: nothing was suspended.",
    EXIT.usage,
  )
}

function asOperator(command: Command): Command {
  return atWorker(command).option("--json", "print the result as JSON")
}

async function add(options: RevokeOptions): Promise<void> {
  const named = KINDS.filter((kind) => options[kind] !== undefined)
  if (named.length + (options.everything ? 1 : 0) !== 1) {
    const all = [...KINDS, "everything"].map((kind) => `--${kind}`)
    throw new Failure("no target is named", `Name exactly one of ${all.join(", ")}.`, EXIT.usage)
  }
  const [kind = "everything"] = named
  const body: Readonly<Record<string, unknown>> = {
    [kind]: kind === "everything" ? true : kind === "token" ? await tokenOf(options.token ?? "") : options[kind],
    ...(options.before !== undefined && { before: secondsOf(options.before) }),
    ...(options.reason !== undefined && { reason: options.reason }),
  }
  const isEnd = kind === "task" || kind === "token"
  if (isEnd && (options.preview || options.confirm)) {
    throw new Failure(
      `--${options.preview ? "preview" : "confirm"} does not go with --${kind}`,
      "Leave it out.",
      EXIT.usage,
    )
  }
  const bearer = await operatorBearer(options)
  if (!isEnd) {
    const input = { parameters: {}, body: { ...body, preview: true }, schema: stopTarget() }
    const target = await requestApi(options, bearer, "addRevocation", input)
    if (options.preview) return console.log(options.json ? jsonText(target, 0) : targetText(target))
    if (target.known === false && !options.confirm) throw unknownTarget(kind, String(body[kind]), target.nearest)
    if (!options.json) console.error(`suspending  ${targetText(target)}`)
  }
  const revocation = { ...body, ...(options.confirm && { confirm: true }) }
  const input = { parameters: {}, body: revocation, schema: revocations.addRevocation.answer() }
  const answer = await requestApi(options, bearer, "addRevocation", input)
  if (options.json) return console.log(jsonText(answer, 0))
  const set = setStop().safeParse(answer)
  if (set.success) {
    const { known, hits, id } = set.data
    const resuming =
      kind === "key"
        ? "for good: a revoked key is never accepted again"
        : `to resume: narrowgate revoke lift ${printableText(id)}`
    const lines = [`  suspends  ${targetText({ known, hits })}`, `  in force  now; ${resuming}`]
    return console.log([switchText(set.data), ...lines].join("\n"))
  }
  const { task } = ended.parse(answer)
  console.log(`${printableText(task)}: ${kind === "token" ? "the token is revoked" : "revoked"}`)
}

function targetText({ known, hits, nearest = [] }: FoundTarget): string {
  if (known !== false) return hitsText(hits)
  return `nothing of this name is known${nearest.length === 0 ? "" : `: did you mean ${quoted(nearest)}?`}`
}

type FoundTarget = Pick<z.infer<ReturnType<typeof stopTarget>>, "known" | "hits"> & {
  readonly nearest?: readonly string[]
}

const quoted = (names: readonly string[]): string => names.map((each) => `\`${each}\``).join(", ")

function unknownTarget(kind: string, name: string, nearest: readonly string[]): Failure {
  const meant = nearest.length === 0 ? "Check the name." : `Did you mean ${quoted(nearest)}?`
  const isNamed = kind !== "user" || name.includes("|")
  return new Failure(
    `nothing was suspended: no ${kind} \`${name}\` is known`,
    isNamed ? `${meant} To suspend it nevertheless, add --confirm.` : `${meant} A user is named as ISSUER|SUBJECT.`,
  )
}

/** Users who may list processes see their arguments. */
async function tokenOf(option: string): Promise<string> {
  if (option !== "-") return option
  let text = ""
  for await (const part of process.stdin.setEncoding("utf8")) text += part
  return text.trim()
}

const time = z.iso.datetime({ offset: true })

/** Rounded up: tokens that were issued within that second are covered too. */
function secondsOf(before: string): number {
  if (!time.safeParse(before).success) {
    const fix = "Write a time with its zone, such as 2026-11-26T12:00:00Z or 2026-11-26T13:00:00+01:00."
    throw new Failure(`--before cannot be ${before}`, fix, EXIT.usage)
  }
  return Math.ceil(Date.parse(before) / 1000)
}

async function list(options: OperatorOptions): Promise<void> {
  const input = { parameters: {}, schema: revocations.listRevocations.answer() }
  const found = await requestApi(options, await operatorBearer(options), "listRevocations", input)
  if (options.json) return console.log(jsonText(found.revocations))
  if (found.revocations.length === 0) return console.log("Nothing is suspended.")
  for (const each of found.revocations) console.log(switchText(each))
}

async function lift(id: string, options: OperatorOptions): Promise<void> {
  const input = { parameters: { revocation: id }, schema: revocations.liftRevocation.answer() }
  const answer = await requestApi(options, await operatorBearer(options), "liftRevocation", input)
  if (options.json) return console.log(jsonText(answer, 0))
  const left =
    answer.left === undefined
      ? ""
      : `; what was given before ${timeOf(answer.left.before * 1000)} stays revoked, until ${printableText(answer.left.id)} is lifted too`
  console.log(`${printableText(answer.id)}: resumed${left}`)
}

export function switchText(set: Stop): string {
  const { id, agent, user, issuer, tool, key, before, by, reason, at } = set
  const named = Object.entries({ agent, user, issuer, tool, key }).find(([, name]) => name !== undefined)
  const what = named ? `${named[0]} ${printableText(named[1] ?? "")}` : "everything"
  return [
    `${colors.bold(printableText(id))}  ${what}`,
    ...(before === undefined ? [] : [`  issued    before ${timeOf(before * 1000)}`]),
    ...(by === undefined ? [] : [`  by        ${printableText(by)}`]),
    ...(reason === undefined ? [] : [`  because   ${printableText(reason)}`]),
    ...(at === undefined ? [] : [`  since     ${timeOf(at)}`]),
  ].join("\n")
}

/** @param at milliseconds since the epoch; a number that cannot be a time is shown as it is */
function timeOf(at: number): string {
  const moment = new Date(at)
  return Number.isNaN(moment.getTime()) ? String(at) : moment.toISOString()
}
