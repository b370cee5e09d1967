/** `narrowgate decisions`: the recorded decisions. */
import { setTimeout as pause } from "node:timers/promises"
import { Option, type Command } from "commander"
import { decisionPages, decisionsSince, type DecisionPage } from "../remote/decision-pages.ts"
import { hasIssuer, NO_USER_NAME } from "../../src/api/contract/names.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { printable, recordLine, type ShownRecord } from "../remote/decision-record.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { WorkerOptions } from "../remote/worker.ts"
import { addRecordExport } from "./record-export.ts"
import { atWorker } from "./worker-options.ts"

const FOLLOW_EVERY_MS = 1000
/** The token of the local stack lives for minutes; renewed in time, `--follow` keeps going. Milliseconds. */
const TOKEN_USE_MS = 120_000
const MAX_LIMIT = 1000

interface TailOptions extends WorkerOptions {
  readonly task?: string
  readonly agent?: string
  readonly user?: string
  readonly tool?: string
  readonly code?: string
  readonly decision?: string
  readonly kind?: string
  readonly limit: number
  readonly differs?: boolean
  readonly follow?: boolean
  readonly json?: boolean
}

export function addDecisions(program: Command): void {
  const group = program
    .command("decisions")
    .description("read the decision records of a Worker")
    .addHelpText("after", "\nExample:\n  narrowgate decisions tail --decision deny --follow\n")
  atWorker(group.command("tail"))
    .description("print the latest decisions, oldest first")
    .option("--task <ID>", "only of this task")
    .option("--agent <ID>", "only of this agent")
    .option("--user <NAME>", "only for this user, as ISSUER|SUBJECT", userName)
    .option("--tool <NAME>", "only calls of this tool")
    .option("--code <CODE>", "only with this code, such as policy_denied")
    .addOption(new Option("--decision <WHICH>", "only allowed or denied ones").choices(["allow", "deny"]))
    .addOption(
      new Option(
        "--kind <KIND>",
        "only of this kind; actions of operators and publishers are only shown by `--kind management`",
      ).choices(["call", "exchange", "approval", "end", "management"]),
    )
    .option("--differs", "only those that the candidate bundle would have changed")
    .option("--limit <N>", "the most records", limit, 20)
    .option("--follow", "wait for further ones")
    .option("--json", "print one record per line, as JSON")
    .addHelpText(
      "after",
      '\nExamples:\n  narrowgate decisions tail --decision deny --follow\n  narrowgate decisions tail --task tsk_01J8… --json\n  narrowgate decisions tail --user "https://id.example|42"\n  narrowgate decisions tail --agent spiffe://example.org/agent/support --code rate_limited\n  narrowgate decisions tail --kind management\n  narrowgate decisions tail --differs --follow\n',
    )
    .action(tail)
  addRecordExport(group)
}

async function tail(options: TailOptions): Promise<void> {
  const { task, agent, user, tool, code, decision, kind } = options
  const which = {
    ...(task !== undefined && { task }),
    ...(agent !== undefined && { agent }),
    ...(user !== undefined && { user }),
    ...(tool !== undefined && { tool }),
    ...(code !== undefined && { code }),
    ...(decision !== undefined && { decision }),
    ...(kind !== undefined && { kind }),
    ...(options.differs === true && { differs: "true" }),
  }
  const printed = new Set<string>()
  const print = (records: readonly ShownRecord[]): void => {
    for (const record of records.toSorted(byTime)) {
      if (printed.has(record.id)) continue
      printed.add(record.id)
      console.log(options.json ? jsonText(record, 0) : recordLine(printable(record)))
    }
  }
  let bearer = await operatorBearer(options)
  let renewAt = Date.now() + TOKEN_USE_MS
  const [first, ...others] = await Array.fromAsync(decisionPages(options, bearer, which, options.limit))
  print([first, ...others].flatMap((page) => page?.decisions ?? []))
  // What was stored while the other pages were read comes once more.
  let arrived = first?.arrived
  while (options.follow === true && arrived !== undefined) {
    await pause(FOLLOW_EVERY_MS)
    if (Date.now() >= renewAt) {
      bearer = await operatorBearer(options)
      renewAt = Date.now() + TOKEN_USE_MS
    }
    for (let isAll = false; !isAll;) {
      const page: DecisionPage = await decisionsSince(options, bearer, which, arrived)
      print(page.decisions)
      arrived = page.arrived
      isAll = page.decisions.length === 0
    }
  }
}

function byTime(a: ShownRecord, b: ShownRecord): number {
  return a.at - b.at || (a.id < b.id ? -1 : 1)
}

function userName(text: string): string {
  if (hasIssuer(text)) return text
  throw new Failure(`--user cannot be ${text}`, NO_USER_NAME, EXIT.usage)
}

function limit(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= MAX_LIMIT) return value
  throw new Failure(`--limit cannot be ${text}`, `Write a whole number from 1 to ${MAX_LIMIT}.`, EXIT.usage)
}
