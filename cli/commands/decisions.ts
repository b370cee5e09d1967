/** `narrowgate decisions tail`: the recorded decisions. */
import { setTimeout as pause } from "node:timers/promises"
import { Option, type Command } from "commander"
import { decisionPages } from "../remote/decision-pages.ts"
import { firstIdAt } from "../../src/core/encoding/ids.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { printable, recordLine, type ShownRecord } from "../remote/decision-record.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { WorkerOptions } from "../remote/worker.ts"
import { atWorker } from "./worker-options.ts"

const FOLLOW_EVERY_MS = 1000
/** The token of the local stack lives for minutes; renewed in time, `--follow` keeps going. Milliseconds. */
const TOKEN_USE_MS = 120_000
const MAX_LIMIT = 1000
/** Most records follow the answer within a second. Those that wait longer (`RECORD_DELAY_SECONDS`) are not followed. */
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
    .description("read the decision records of a Worker")
    .addHelpText("after", "\nExample:\n  narrowgate decisions tail --decision deny --follow\n")
  atWorker(group.command("tail"))
    .description("print the latest decisions, oldest first")
    .option("--task <ID>", "only of this task")
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
      "\nExamples:\n  narrowgate decisions tail --decision deny --follow\n  narrowgate decisions tail --task tsk_01J8… --json\n  narrowgate decisions tail --kind management\n  narrowgate decisions tail --differs --follow\n",
    )
    .action(tail)
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
  const printed = new Set<string>()
  let bearer = await operatorBearer(options)
  let renewAt = Date.now() + TOKEN_USE_MS
  while (true) {
    const query = { ...which, ...(after !== null && { after }) }
    const pages = await Array.fromAsync(decisionPages(options, bearer, query, most))
    for (const record of pages.flat().toSorted(byTime)) {
      if (printed.has(record.id)) continue
      printed.add(record.id)
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
