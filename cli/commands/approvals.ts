/**
 * `narrowgate approvals`: the approvals that a person may decide, of tasks and of single calls, and their decisions.
 */
import type { Command } from "commander"
import { z } from "zod"
import { OFFLINE_IN_WORDS } from "../../src/core/task/grant-words.ts"
import { approvals, type TaskApproval, type ListedCall } from "../../src/api/contract/approvals.ts"
import { personBearer } from "../remote/bearer.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { requestApi, type WorkerOptions } from "../remote/worker.ts"
import { atWorker } from "./worker-options.ts"

interface PersonOptions extends WorkerOptions {
  readonly login?: string
  readonly json?: boolean
}

const uses = z.coerce.number().int().min(1).max(100)

interface AnswerOptions extends PersonOptions {
  readonly task?: string
  readonly uses?: string
  readonly reason?: string
}

export function addApprovals(program: Command): void {
  const group = program
    .command("approvals")
    .description("list the approvals that you can decide, and decide them")
    .addHelpText("after", "\nExample:\n  narrowgate approvals --login alice\n")
  asPerson(group.command("list", { isDefault: true }))
    .description("list the approvals that wait for you: of tasks that have not begun, and of single calls")
    .addHelpText("after", "\nExample:\n  narrowgate approvals --login alice\n")
    .action(list)
  for (const decision of ["approve", "reject"] as const) {
    const command = asPerson(group.command(decision))
      .description(decision === "approve" ? "approve the task or the call" : "reject the task or the call")
      .argument(
        "<ID-OR-ADDRESS>",
        "the id of a task (tsk_…) or of a call's approval (apr_…), from `approvals list`; or the address of an approval, as a denial has it",
      )
      .option("--task <ID>", "for a call's approval that is in no list: its task")
      .option("--reason <TEXT>", "for a call: the reason, which is recorded")
      .addHelpText(
        "after",
        `\nExamples:\n  narrowgate approvals ${decision} tsk_01J8… --login alice\n  narrowgate approvals ${decision} apr_01J8… --login alice\n  narrowgate approvals ${decision} apr_01J8… --task tsk_01J8… --login alice\n  narrowgate approvals ${decision} http://127.0.0.1:8787/console/approvals/tsk_01J8…/apr_01J8… --login alice\n`,
      )
    if (decision === "approve") command.option("--uses <N>", "for a call: how often it may be made (default: once)")
    command.action(async (which: string, options: AnswerOptions) => {
      const { task, approval } = approvalOf(which, options)
      await (approval === null
        ? answerTask(task, decision, options)
        : answerCall({ task, approval }, decision, options))
    })
  }
}

async function answerTask(id: string, decision: "approve" | "reject", options: AnswerOptions): Promise<void> {
  const bearer = await personBearer(options, options.login)
  const input = { parameters: { task: id }, body: { decision }, schema: approvals.answerApproval.answer() }
  const answer = await requestApi(options, bearer, "answerApproval", input)
  console.log(options.json ? jsonText(answer, 0) : printableText(`${answer.task}: ${answer.decision}`))
}

async function answerCall(
  { task, approval }: CallApprovalId,
  decision: "approve" | "reject",
  options: AnswerOptions,
): Promise<void> {
  const most = uses.optional().safeParse(options.uses)
  if (!most.success) throw new Failure(`--uses cannot be ${options.uses}`, "Write a number from 1 to 100.", EXIT.usage)
  const bearer = await personBearer(options, options.login)
  const parameters = { approval, task: task ?? (await taskInList(approval, most.data, options, bearer)) }
  const body = {
    approve: decision === "approve",
    ...(most.data !== undefined && { uses: most.data }),
    ...(options.reason !== undefined && { reason: options.reason }),
  }
  const input = { parameters, body, schema: approvals.answerCallApproval.answer() }
  const answer = await requestApi(options, bearer, "answerCallApproval", input)
  if (options.json) return console.log(jsonText(answer, 0))
  const lacking = answer.status === "pending" ? `, ${answer.votes.length} of ${answer.need} have approved` : ""
  const calls = answer.status === "approved" ? `, for ${callsText(answer.uses)}` : ""
  console.log(printableText(`${answer.id}: ${answer.status}${lacking}${calls}`))
}

interface CallApprovalId {
  /** Undefined if it is to be looked up in the list. */
  readonly task: string | undefined
  readonly approval: string
}

/** Of a whole task if `approval` is null. */
type ApprovalId = CallApprovalId | { readonly task: string; readonly approval: null }

function approvalOf(which: string, { task, url }: AnswerOptions): ApprovalId {
  if (task !== undefined && !which.startsWith("apr_"))
    throw new Failure("--task is for the id of a call's approval (apr_…)", "Leave --task out.", EXIT.usage)
  if (task !== undefined && !TASK.test(task))
    throw new Failure(`--task cannot be ${task}`, "Write the id of a task (tsk_…); an address goes alone.", EXIT.usage)
  if (which.startsWith("apr_")) return { task, approval: which }
  return URL.canParse(which) ? addressed(new URL(which), url) : { task: which, approval: null }
}

const TASK = /^tsk_[\w.]+$/u
/** A denial has both: that of the page, and that of the API. */
const PAGE = /^\/console\/approvals\/(tsk_[\w.]+)(?:\/(apr_\w+))?$/u
const RESOURCE = /^\/v1\/tasks\/(tsk_[\w.]+)\/approvals\/(apr_\w+)$/u

function addressed({ href, origin, pathname }: URL, worker: string): ApprovalId {
  const [, task, approval = null] = PAGE.exec(pathname) ?? RESOURCE.exec(pathname) ?? []
  if (task === undefined)
    throw new Failure(`${href} is no address of an approval`, "Take it from the denial.", EXIT.usage)
  if (origin !== new URL(worker).origin)
    throw new Failure(`the approval is at ${origin}, not at ${worker}`, `Add --url ${origin}.`, EXIT.usage)
  return { task, approval }
}

/** The path of the approval contains its task, which only the list shows. */
async function taskInList(
  id: string,
  most: number | undefined,
  worker: WorkerOptions,
  bearer: string,
): Promise<string> {
  const waiting = await waitingFor(worker, bearer)
  const approval = waiting.approvals.filter((each) => each.kind === "call").find((each) => each.id === id)
  if (!approval) {
    const fix = "Look at what does: narrowgate approvals. One that is in no list: add --task, or name its address."
    throw new Failure(`${id} does not wait for you`, fix)
  }
  if (most !== undefined && most > approval.most_uses) {
    const fix = `approvers.yaml lets one approval of ${approval.name ?? "an operator"} allow ${approval.most_uses} at most.`
    throw new Failure(`--uses cannot be ${most}`, fix, EXIT.usage)
  }
  return approval.task
}

function asPerson(command: Command): Command {
  return atWorker(command)
    .option("--login <NAME>", "the user of the local stack as whom you decide; elsewhere set NARROWGATE_TOKEN")
    .option("--json", "print the result as JSON")
}

async function list(options: PersonOptions): Promise<void> {
  const bearer = await personBearer(options, options.login)
  const found = await waitingFor(options, bearer)
  if (options.json) return console.log(jsonText(found.approvals))
  if (found.approvals.length === 0) return console.log("Nothing waits for you.")
  for (const each of found.approvals) {
    console.log(each.kind === "task" ? taskApprovalText(each, Date.now()) : callApprovalText(each, Date.now()))
  }
}

async function waitingFor(worker: WorkerOptions, bearer: string) {
  return requestApi(worker, bearer, "listApprovals", { parameters: {}, schema: approvals.listApprovals.answer() })
}

/** @param now milliseconds since the epoch */
export function taskApprovalText(approval: TaskApproval, now: number): string {
  const { task: id, agent, purpose, audience, scope, authorization_details: details, calls, life, offline } = approval
  const left = Math.max(0, Math.round((approval.expires_at - now) / 1000))
  const message = approval.binding_message === null ? "" : `: ${printableText(approval.binding_message)}`
  const most = calls === null ? "" : `, at most ${calls} ${calls === 1 ? "call" : "calls"}`
  const bounds = (details ?? []).flatMap(({ arguments: bounded = {} }) => Object.entries(bounded).map(boundText))
  return [
    `${colors.bold(printableText(id))}  ${printableText(agent)}`,
    `  for       ${printableText(purpose)}${message}`,
    `  may then  ${printableText(scope)}${most}, for ${life} s`,
    ...(offline ? [`  offline   ${OFFLINE_IN_WORDS}`] : []),
    `  only at   ${printableText(audience)}`,
    // The message above is the agent's own words; the following values are authoritative.
    ...bounds.map((bound) => `  only with ${printableText(bound)}`),
    `  answer    within ${left} s`,
  ].join("\n")
}

/** @param now milliseconds since the epoch */
export function callApprovalText(approval: ListedCall, now: number): string {
  const { id, tool, method, environment, redacted, chain, purpose, user, name, guardrail, rules, need, votes } =
    approval
  const left = Math.max(0, Math.round((approval.expires_at - now) / 1000))
  const when = approval.unanswerable === null ? "" : ", once an operator has released its quarantined task"
  const whom = user === null ? "" : `, for ${printableText(user)}`
  const asks = guardrail === null ? `rule ${rules.join(", ")}` : `guardrail ${guardrail}`
  const more = approval.most_uses > 1 ? `; approving allows 1 call, or up to ${approval.most_uses} with --uses` : ""
  const agreed = need > 1 ? `, ${votes.length} of ${need} have approved` : ""
  // Each on a line of its own, as JSON, so that none can pass for another, or for a line of the command.
  const values = Object.entries(approval.arguments).map(([argument, value]) =>
    redacted.includes(argument)
      ? `  with      ${printableText(argument)}, which is not shown`
      : `  with      ${printableText(argument)} = ${printableText(JSON.stringify(value))}`,
  )
  return [
    `${colors.bold(printableText(id))}  ${printableText(chain.toReversed().join(", called by "))}`,
    `  calls     ${printableText(tool)} by ${printableText(method)} in ${printableText(environment)}${whom}, purpose ${printableText(purpose)}`,
    ...values,
    `  because   ${printableText(`${asks}${name === null ? "" : `, of ${name}`}`)}${agreed}`,
    `  answer    within ${left} s${when}${more}`,
  ].join("\n")
}

/** @param count calls that remain of an approval, or that an approver may allow */
function callsText(count: number): string {
  return count === 1 ? "1 call" : `up to ${count} calls`
}

function boundText([argument, bound]: readonly [string, Readonly<Record<string, unknown>>]): string {
  const parts = Object.entries(bound).map(([kind, value]) => `${BOUND_WORDS[kind] ?? kind} ${JSON.stringify(value)}`)
  return `${argument} ${parts.join(" and ")}`
}

const BOUND_WORDS: Readonly<Record<string, string>> = { eq: "=", in: "one of", min: "≥", max: "≤", like: "like" }
