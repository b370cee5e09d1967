/** `narrowgate approvals`: what a person is asked to consent to, tasks and single calls, and their answer. */
import type { Command } from "commander"
import { z } from "zod"
import { approvals, type AskedTask, type ListedCall } from "../../src/api/contract/approvals.ts"
import { personBearer } from "../remote/bearer.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { askApi, type WorkerOptions } from "../remote/worker.ts"
import { atWorker } from "./decisions.ts"

interface PersonOptions extends WorkerOptions {
  readonly login?: string
  readonly json?: boolean
}

const uses = z.coerce.number().int().min(1).max(100)

interface AnswerOptions extends PersonOptions {
  readonly uses?: string
  readonly reason?: string
}

export function addApprovals(program: Command): void {
  const group = program
    .command("approvals")
    .description("what you are asked to consent to, and your answer")
    .addHelpText("after", "\nExample:\n  narrowgate approvals --login alice\n")
  asPerson(group.command("list", { isDefault: true }))
    .description("what waits for you: tasks that have not begun, and single calls")
    .addHelpText("after", "\nExample:\n  narrowgate approvals --login alice\n")
    .action(list)
  for (const decision of ["approve", "reject"] as const) {
    const command = asPerson(group.command(decision))
      .description(decision === "approve" ? "let the task begin, or the call pass" : "refuse it")
      .argument("<ID>", "of a task (tsk_…) or a call (apr_…), as `approvals` names it")
      .option("--reason <TEXT>", "of a call: why, for the record")
      .addHelpText(
        "after",
        `\nExamples:\n  narrowgate approvals ${decision} tsk_01J8… --login alice\n  narrowgate approvals ${decision} apr_01J8… --login alice\n`,
      )
    if (decision === "approve")
      command.option("--uses <N>", "of a call: how often it may be made, at most (default: once)")
    command.action(async (id: string, options: AnswerOptions) =>
      id.startsWith("apr_") ? answerCall(id, decision, options) : answerTask(id, decision, options),
    )
  }
}

async function answerTask(id: string, decision: "approve" | "reject", options: AnswerOptions): Promise<void> {
  const bearer = await personBearer(options, options.login)
  const input = { parameters: { task: id }, body: { decision }, schema: approvals.answerApproval.answer() }
  const answer = await askApi(options, bearer, "answerApproval", input)
  console.log(options.json ? jsonText(answer, 0) : printableText(`${answer.task}: ${answer.decision}`))
}

/** Its address has its task in it, which only the list tells. */
async function answerCall(id: string, decision: "approve" | "reject", options: AnswerOptions): Promise<void> {
  const most = uses.optional().safeParse(options.uses)
  if (!most.success) throw new Failure(`--uses cannot be ${options.uses}`, "Write a number from 1 to 100.", EXIT.usage)
  const bearer = await personBearer(options, options.login)
  const waiting = await waitingFor(options, bearer)
  const asked = waiting.approvals.filter((each) => each.kind === "call").find((each) => each.id === id)
  if (!asked) throw new Failure(`${id} does not wait for you`, "Look at what does: narrowgate approvals.")
  if (most.data !== undefined && most.data > asked.most_uses) {
    const fix = `approvers.yaml lets one approval of ${asked.name ?? "an operator"} allow ${asked.most_uses} at most.`
    throw new Failure(`--uses cannot be ${most.data}`, fix, EXIT.usage)
  }
  const said = {
    approve: decision === "approve",
    ...(most.data !== undefined && { uses: most.data }),
    ...(options.reason !== undefined && { reason: options.reason }),
  }
  const parameters = { task: asked.task, approval: id }
  const input = { parameters, body: said, schema: approvals.answerCallApproval.answer() }
  const answer = await askApi(options, bearer, "answerCallApproval", input)
  if (options.json) return console.log(jsonText(answer, 0))
  const lacking = answer.status === "pending" ? `, ${answer.votes.length} of ${answer.need} have agreed` : ""
  const calls = answer.status === "approved" ? `, for ${callsText(answer.uses)}` : ""
  console.log(printableText(`${answer.id}: ${answer.status}${lacking}${calls}`))
}

function asPerson(command: Command): Command {
  return atWorker(command)
    .option("--login <NAME>", "who you are at the local stack (elsewhere NARROWGATE_TOKEN)")
    .option("--json", "as JSON")
}

async function list(options: PersonOptions): Promise<void> {
  const bearer = await personBearer(options, options.login)
  const found = await waitingFor(options, bearer)
  if (options.json) return console.log(jsonText(found.approvals))
  if (found.approvals.length === 0) return console.log("Nothing waits for you.")
  for (const each of found.approvals) {
    console.log(each.kind === "task" ? tellApproval(each, Date.now()) : tellCall(each, Date.now()))
  }
}

async function waitingFor(worker: WorkerOptions, bearer: string) {
  return askApi(worker, bearer, "listApprovals", { parameters: {}, schema: approvals.listApprovals.answer() })
}

/** @param now milliseconds */
export function tellApproval(asked: AskedTask, now: number): string {
  const { task: id, agent, purpose, audience, scope, authorization_details: details, calls, life } = asked
  const left = Math.max(0, Math.round((asked.expires_at - now) / 1000))
  const message = asked.binding_message === null ? "" : `: ${printableText(asked.binding_message)}`
  const most = calls === null ? "" : `, at most ${calls} ${calls === 1 ? "call" : "calls"}`
  const bounds = (details ?? []).flatMap(({ arguments: bounded = {} }) => Object.entries(bounded).map(tellBound))
  return [
    `${colors.bold(printableText(id))}  ${printableText(agent)}`,
    `  for       ${printableText(purpose)}${message}`,
    `  may then  ${printableText(scope)}${most}, for ${life} s`,
    `  only at   ${printableText(audience)}`,
    // The message above is the agent's own words; these hold.
    ...bounds.map((bound) => `  only with ${printableText(bound)}`),
    `  answer    within ${left} s`,
  ].join("\n")
}

/** @param now milliseconds */
export function tellCall(asked: ListedCall, now: number): string {
  const { id, tool, method, environment, redacted, chain, purpose, user, name, guardrail, rules, need, votes } = asked
  const left = Math.max(0, Math.round((asked.expires_at - now) / 1000))
  const when = asked.unanswerable === null ? "" : ", once an operator has released its task, which is frozen"
  const whom = user === null ? "" : `, for ${printableText(user)}`
  const asks = guardrail === null ? `rule ${rules.join(", ")}` : `guardrail ${guardrail}`
  const more = asked.most_uses > 1 ? `; approving allows 1 call, or up to ${asked.most_uses} with --uses` : ""
  const agreed = need > 1 ? `, ${votes.length} of ${need} have agreed` : ""
  // Each on a line of its own, as JSON: none can pass for another, or for a line of ours.
  const values = Object.entries(asked.arguments).map(([argument, value]) =>
    redacted.includes(argument)
      ? `  with      ${printableText(argument)}, which is not shown`
      : `  with      ${printableText(argument)} = ${printableText(JSON.stringify(value))}`,
  )
  return [
    `${colors.bold(printableText(id))}  ${printableText(chain.toReversed().join(", called by "))}`,
    `  calls     ${printableText(tool)} by ${printableText(method)} in ${printableText(environment)}${whom}, purpose ${printableText(purpose)}`,
    ...values,
    `  asked by  ${printableText(`${asks}${name === null ? "" : `, of ${name}`}`)}${agreed}`,
    `  answer    within ${left} s${when}${more}`,
  ].join("\n")
}

/** @param count what is left of an approval, or what one may allow */
function callsText(count: number): string {
  return count === 1 ? "1 call" : `up to ${count} calls`
}

function tellBound([argument, bound]: readonly [string, Readonly<Record<string, unknown>>]): string {
  const parts = Object.entries(bound).map(([kind, value]) => `${BOUND_WORDS[kind] ?? kind} ${JSON.stringify(value)}`)
  return `${argument} ${parts.join(" and ")}`
}

const BOUND_WORDS: Readonly<Record<string, string>> = { eq: "=", in: "one of", min: "≥", max: "≤", like: "like" }
