/** `narrowgate decisions`: the recorded decisions, of a Worker or in files. */
import { setTimeout as pause } from "node:timers/promises"
import type { Command } from "commander"
import { decisionPages, decisionsSince, type DecisionPage } from "../remote/decision-pages.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { printable, recordLine, type ShownRecord } from "../remote/decision-record.ts"
import { matchesCall, type CallFilter } from "../records/filter.ts"
import { filterOf, withCallFilters, withFilters, type FilterOptions } from "../records/options.ts"
import { filtered } from "../records/source.ts"
import { recordsInFiles } from "../records/read-files.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { WorkerOptions } from "../remote/worker.ts"
import { addRecordExport } from "./record-export.ts"
import { atWorker } from "./worker-options.ts"

const FOLLOW_EVERY_MS = 1000
/** The token of the local stack lives for minutes; renewed in time, `--follow` keeps going. Milliseconds. */
const TOKEN_USE_MS = 120_000
/** As many as a log shows. */
const MAX_LIMIT = 100_000
const LATEST = 20
const MOST_OF_RANGE = 10_000

interface TailOptions extends WorkerOptions, FilterOptions {
  readonly limit?: number
  readonly follow?: boolean
  readonly json?: boolean
}

interface QueryOptions extends FilterOptions, CallFilter {
  readonly limit?: number
  readonly json?: boolean
}

export function addDecisions(program: Command): void {
  const group = program
    .command("decisions")
    .description("read, export and verify decision records")
    .addHelpText("after", "\nExample:\n  narrowgate decisions tail --decision deny --follow\n")
  withFilters(atWorker(group.command("tail")))
    .description("print the latest decisions, oldest first")
    .option("--limit <N>", `the most records, the newest (default: ${LATEST}, with --since ${MOST_OF_RANGE})`, limit)
    .option("--follow", "wait for further ones")
    .option("--json", "print one record per line, as JSON")
    .addHelpText(
      "after",
      '\nExamples:\n  narrowgate decisions tail --decision deny --follow\n  narrowgate decisions tail --task tsk_01J8… --json\n  narrowgate decisions tail --user "https://id.example|42"\n  narrowgate decisions tail --agent spiffe://example.org/agent/support --code rate_limited\n  narrowgate decisions tail --kind management\n  narrowgate decisions tail --since 2h --decision deny\n  narrowgate decisions tail --since 2026-11-24 --until 2026-11-25 --user "https://id.example|42"\n  narrowgate decisions tail --differs --follow\n',
    )
    .action(tail)
  withCallFilters(withFilters(group.command("query")))
    .description("print the decisions in files: exports, or what `tail --json` printed")
    .argument("<FILE...>", "files with one record per line, plain or gzipped; - is standard input")
    .option("--limit <N>", "only the newest records, oldest first (default: all, in the order of the files)", limit)
    .option("--json", "print one record per line, as JSON")
    .addHelpText(
      "after",
      '\nExamples:\n  narrowgate decisions query records.ndjson.gz --decision deny\n  narrowgate decisions query records-*.ndjson --tool mail.send --limit 20\n  narrowgate decisions query records.ndjson.gz --since 2026-11-24 --until 2026-11-25 --arguments \'{"customer":"c7"}\'\n  narrowgate decisions query records.ndjson.gz --since 7d --path /crm/customers/c7\n  narrowgate decisions query records.ndjson --json | jq .arguments\n',
    )
    .action(query)
  addRecordExport(group)
}

async function query(files: readonly string[], options: QueryOptions): Promise<void> {
  const print = (record: ShownRecord): void => console.log(lineOf(record, options, true))
  const newest = options.limit === undefined ? null : new NewestRecords(options.limit)
  try {
    for await (const record of filtered(recordsInFiles(files), filterOf(options))) {
      if (!matchesCall(options, record)) continue
      if (newest) newest.add(record)
      else print(record)
    }
  } finally {
    // Also what is before the place where a file cannot be read further.
    newest?.records.forEach(print)
  }
}

/** In memory are at most twice as many as are wanted. */
class NewestRecords {
  readonly #most: number
  #candidates: ShownRecord[] = []

  constructor(most: number) {
    this.#most = most
  }

  add(record: ShownRecord): void {
    this.#candidates.push(record)
    if (this.#candidates.length >= 2 * this.#most) this.#candidates = this.records
  }

  /** The oldest first. */
  get records(): ShownRecord[] {
    return this.#candidates.toSorted(byTime).slice(-this.#most)
  }
}

const lineOf = (record: ShownRecord, { json }: Pick<QueryOptions, "json">, isDated: boolean): string =>
  json ? jsonText(record, 0) : recordLine(printable(record), { isDated, width: terminalWidth() })

/** Null if standard output is none, such as a pipe. */
function terminalWidth(): number | null {
  const { isTTY, columns } = process.stdout
  return isTTY ? Math.min(Math.max(columns, 60), 120) : null
}

const isOfToday = ({ at }: ShownRecord): boolean =>
  new Date(at).toISOString().slice(0, 10) === new Date().toISOString().slice(0, 10)

async function tail(options: TailOptions): Promise<void> {
  const which = { ...filterOf(options) }
  const printed = new Set<string>()
  const most = options.limit ?? (options.since === undefined ? LATEST : MOST_OF_RANGE)
  let isDated = false
  const print = (records: readonly ShownRecord[]): void => {
    isDated ||= !records.every(isOfToday)
    for (const record of records.toSorted(byTime)) {
      if (printed.has(record.id)) continue
      printed.add(record.id)
      console.log(lineOf(record, options, isDated))
    }
  }
  let bearer = await operatorBearer(options)
  let renewAt = Date.now() + TOKEN_USE_MS
  const [first, ...others] = await Array.fromAsync(decisionPages(options, bearer, which, most))
  const latest = [first, ...others].flatMap((page) => page?.decisions ?? [])
  print(latest)
  if (options.since !== undefined && latest.length === most) {
    console.error(`These are the newest ${most} of that time: --limit shows more, or export them.`)
  }
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

function limit(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= MAX_LIMIT) return value
  throw new Failure(`--limit cannot be ${text}`, `Write a whole number from 1 to ${MAX_LIMIT}.`, EXIT.usage)
}
