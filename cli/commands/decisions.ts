/** `narrowgate decisions`: the recorded decisions, of a Worker or in files. */
import { setTimeout as pause } from "node:timers/promises"
import type { Command } from "commander"
import { decisionPages, decisionsSince, type DecisionPage } from "../remote/decision-pages.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { printable, recordLine, type ShownRecord } from "../remote/decision-record.ts"
import { filterOf, withFilters, type FilterOptions } from "../records/options.ts"
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
const MAX_LIMIT = 1000

interface TailOptions extends WorkerOptions, FilterOptions {
  readonly limit: number
  readonly follow?: boolean
  readonly json?: boolean
}

interface QueryOptions extends FilterOptions {
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
    .option("--limit <N>", "the most records", limit, 20)
    .option("--follow", "wait for further ones")
    .option("--json", "print one record per line, as JSON")
    .addHelpText(
      "after",
      '\nExamples:\n  narrowgate decisions tail --decision deny --follow\n  narrowgate decisions tail --task tsk_01J8… --json\n  narrowgate decisions tail --user "https://id.example|42"\n  narrowgate decisions tail --agent spiffe://example.org/agent/support --code rate_limited\n  narrowgate decisions tail --kind management\n  narrowgate decisions tail --differs --follow\n',
    )
    .action(tail)
  withFilters(group.command("query"))
    .description("print the decisions in files: exports, or what `tail --json` printed")
    .argument("<FILE...>", "files with one record per line, plain or gzipped; - is standard input")
    .option("--limit <N>", "only the newest records, oldest first (default: all, in the order of the files)", limit)
    .option("--json", "print one record per line, as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate decisions query records.ndjson.gz --decision deny\n  narrowgate decisions query records-*.ndjson --tool mail.send --limit 20\n  narrowgate decisions query records.ndjson --json | jq .arguments\n",
    )
    .action(query)
  addRecordExport(group)
}

async function query(files: readonly string[], options: QueryOptions): Promise<void> {
  const found = filtered(recordsInFiles(files), filterOf(options))
  for await (const record of options.limit === undefined ? found : await newestOf(found, options.limit)) {
    console.log(lineOf(record, options))
  }
}

/** In memory are at most twice as many as are wanted. */
async function newestOf(records: AsyncIterable<ShownRecord>, most: number): Promise<readonly ShownRecord[]> {
  let candidates: ShownRecord[] = []
  const newest = (): ShownRecord[] => candidates.toSorted(byTime).slice(-most)
  for await (const record of records) {
    candidates.push(record)
    if (candidates.length >= 2 * most) candidates = newest()
  }
  return newest()
}

const lineOf = (record: ShownRecord, { json }: Pick<QueryOptions, "json">): string =>
  json ? jsonText(record, 0) : recordLine(printable(record))

async function tail(options: TailOptions): Promise<void> {
  const which = { ...filterOf(options) }
  const printed = new Set<string>()
  const print = (records: readonly ShownRecord[]): void => {
    for (const record of records.toSorted(byTime)) {
      if (printed.has(record.id)) continue
      printed.add(record.id)
      console.log(lineOf(record, options))
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

function limit(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= MAX_LIMIT) return value
  throw new Failure(`--limit cannot be ${text}`, `Write a whole number from 1 to ${MAX_LIMIT}.`, EXIT.usage)
}
