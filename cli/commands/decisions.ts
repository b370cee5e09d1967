/** `narrowgate decisions tail`: what was decided. */
import { setTimeout as pause } from "node:timers/promises"
import { Option, type Command } from "commander"
import { decisionPages } from "../remote/decision-pages.ts"
import { firstIdAt } from "../../src/core/encoding/ids.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { printable, recordLine, type ShownRecord } from "../remote/decision-record.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { DEFAULT_URL, providerOf, type WorkerOptions } from "../remote/worker.ts"

const FOLLOW_EVERY_MS = 1000
/** The token of the local stack lives for minutes; a fresh one in time keeps `--follow` going. */
const TOKEN_USE_MS = 120_000
const MAX_LIMIT = 1000
/** Records of reads follow the answer within a second. */
const LATE_MS = 10_000

interface TailOptions extends WorkerOptions {
  readonly task?: string
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
    .description("the decision records of a Worker")
    .addHelpText("after", "\nExample:\n  narrowgate decisions tail --decision deny --follow\n")
  atWorker(group.command("tail"))
    .description("the latest decisions, oldest first")
    .option("--task <ID>", "of this task")
    .option("--code <CODE>", "with this code, such as policy_denied")
    .addOption(new Option("--decision <WHICH>", "allowed or denied ones only").choices(["allow", "deny"]))
    .addOption(
      new Option(
        "--kind <KIND>",
        "of this kind; what operators and publishers do is only shown by `--kind management`",
      ).choices(["call", "exchange", "approval", "end", "management"]),
    )
    .option("--differs", "those that a candidate bundle would have made otherwise")
    .option("--limit <N>", "at most so many", limit, 20)
    .option("--follow", "wait for more")
    .option("--json", "one record a line, as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate decisions tail --decision deny --follow\n  narrowgate decisions tail --task tsk_01J8… --json\n  narrowgate decisions tail --kind management\n  narrowgate decisions tail --differs --follow\n",
    )
    .action(tail)
}

export function atWorker(command: Command): Command {
  return command
    .option("--url <URL>", "the Worker (also NARROWGATE_URL)", DEFAULT_URL)
    .option("--idp <URL>", "the identity provider of the local stack (default: on the port after the Worker's)")
    .hook("preAction", (running) => {
      const { url, idp } = running.opts<Partial<WorkerOptions>>()
      if (idp === undefined && url !== undefined) running.setOptionValue("idp", providerOf(url))
    })
}

async function tail(options: TailOptions): Promise<void> {
  const { task, code, decision, kind } = options
  const which = {
    ...(task !== undefined && { task }),
    ...(code !== undefined && { code }),
    ...(decision !== undefined && { decision }),
    ...(kind !== undefined && { kind }),
    ...(options.differs === true && { differs: "true" }),
  }
  let [after, most]: [string | null, number] = [null, options.limit]
  const shown = new Set<string>()
  let bearer = await operatorBearer(options)
  let renewAt = Date.now() + TOKEN_USE_MS
  while (true) {
    const query = { ...which, ...(after !== null && { after }) }
    const pages = await Array.fromAsync(decisionPages(options, bearer, query, most))
    for (const record of pages.flat().toSorted(byTime)) {
      if (shown.has(record.id)) continue
      shown.add(record.id)
      console.log(options.json ? jsonText(record, 0) : recordLine(printable(record)))
    }
    if (!options.follow) return
    // Ids begin with their time, and a record may reach the log a little after a later one.
    after = firstIdAt("dec", Date.now() - LATE_MS)
    most = MAX_LIMIT
    await pause(FOLLOW_EVERY_MS)
    if (Date.now() < renewAt) continue
    bearer = await operatorBearer(options)
    renewAt = Date.now() + TOKEN_USE_MS
  }
}

function byTime(a: ShownRecord, b: ShownRecord): number {
  return a.at - b.at || (a.id < b.id ? -1 : 1)
}

function limit(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= MAX_LIMIT) return value
  throw new Failure(`--limit cannot be ${text}`, `Write a whole number from 1 to ${MAX_LIMIT}.`, EXIT.usage)
}
