/** `narrowgate approvals`: what a person is asked to consent to, and their answer. */
import type { Command } from "commander"
import { z } from "zod"
import { colors } from "../colors.ts"
import { printableText } from "../decision-record.ts"
import { askJson, personBearer, type WorkerOptions } from "../worker.ts"
import { atWorker } from "./decisions.ts"

interface PersonOptions extends WorkerOptions {
  readonly login?: string
  readonly json?: boolean
}

const approval = z.looseObject({
  task: z.string(),
  agent: z.string(),
  purpose: z.string(),
  scope: z.string(),
  authorization_details: z
    .array(z.looseObject({ arguments: z.record(z.string(), z.record(z.string(), z.unknown())).exactOptional() }))
    .nullable(),
  calls: z.number().nullable(),
  binding_message: z.string().nullable(),
  life: z.number(),
  expires_at: z.number(),
})
const approvals = z.object({ approvals: z.array(approval) })
const answered = z.object({ task: z.string(), decision: z.string() })

export function addApprovals(program: Command): void {
  const group = program
    .command("approvals")
    .description("what you are asked to consent to, and your answer")
    .addHelpText("after", "\nExample:\n  narrowgate approvals --login alice\n")
  asPerson(group.command("list", { isDefault: true }))
    .description("what waits for you")
    .addHelpText("after", "\nExample:\n  narrowgate approvals --login alice\n")
    .action(list)
  for (const decision of ["approve", "reject"] as const) {
    asPerson(group.command(decision))
      .description(decision === "approve" ? "let the task begin" : "refuse it")
      .argument("<TASK>", "as `approvals` names it")
      .addHelpText("after", `\nExample:\n  narrowgate approvals ${decision} tsk_01J8… --login alice\n`)
      .action(async (task: string, options: PersonOptions) => {
        const bearer = await personBearer(options, options.login)
        const path = `/v1/approvals/${encodeURIComponent(task)}`
        const answer = await askJson(options, bearer, path, answered, { decision })
        console.log(options.json ? JSON.stringify(answer) : `${answer.task}: ${answer.decision}`)
      })
  }
}

function asPerson(command: Command): Command {
  return atWorker(command)
    .option("--login <NAME>", "who you are at the local stack (elsewhere NARROWGATE_TOKEN)")
    .option("--json", "as JSON")
}

async function list(options: PersonOptions): Promise<void> {
  const bearer = await personBearer(options, options.login)
  const found = await askJson(options, bearer, "/v1/approvals", approvals)
  if (options.json) return console.log(JSON.stringify(found.approvals, null, 2))
  if (found.approvals.length === 0) return console.log("Nothing waits for you.")
  for (const each of found.approvals) console.log(tellApproval(each, Date.now()))
}

/** @param now milliseconds */
export function tellApproval(asked: z.infer<typeof approval>, now: number): string {
  const { task, agent, purpose, scope, authorization_details: details, calls, life } = asked
  const left = Math.max(0, Math.round((asked.expires_at - now) / 1000))
  const message = asked.binding_message === null ? "" : `: ${printableText(asked.binding_message)}`
  const most = calls === null ? "" : `, at most ${calls} ${calls === 1 ? "call" : "calls"}`
  const bounds = (details ?? []).flatMap(({ arguments: bounded = {} }) => Object.entries(bounded).map(tellBound))
  return [
    `${colors.bold(task)}  ${printableText(agent)}`,
    `  for       ${printableText(purpose)}${message}`,
    `  may then  ${printableText(scope)}${most}, for ${life} s`,
    // The message above is the agent's own words; these hold.
    ...bounds.map((bound) => `  only with ${printableText(bound)}`),
    `  answer    within ${left} s`,
  ].join("\n")
}

function tellBound([argument, bound]: readonly [string, Readonly<Record<string, unknown>>]): string {
  const parts = Object.entries(bound).map(([kind, value]) => `${BOUND_WORDS[kind] ?? kind} ${JSON.stringify(value)}`)
  return `${argument} ${parts.join(" and ")}`
}

const BOUND_WORDS: Readonly<Record<string, string>> = { eq: "=", in: "one of", min: "≥", max: "≤", like: "like" }
