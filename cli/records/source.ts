/** Where commands get decision records from: a Worker, or files. Whatever it is, they read one after the other. */
import { operatorBearer } from "../remote/bearer.ts"
import { decisionPages } from "../remote/decision-pages.ts"
import type { ShownRecord } from "../remote/decision-record.ts"
import type { WorkerOptions } from "../remote/worker.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { matches, type RecordFilter } from "./filter.ts"
import { rangeOf, type RangeOptions } from "./options.ts"
import { recordsInFiles } from "./read-files.ts"

/** The options that name the source. */
export interface RecordOptions extends WorkerOptions, RangeOptions {
  readonly records: readonly string[]
  readonly fromWorker?: boolean
  /** The most records of a Worker, the newest. */
  readonly limit: number
}

export interface RecordSource {
  /** In no order that counts. Each call reads them anew, but for standard input. */
  readonly read: (filter?: RecordFilter) => AsyncIterable<ShownRecord>
  /** Null: files. */
  readonly worker: { readonly at: WorkerOptions; readonly bearer: string } | null
}

/** Null if the options name no source. */
export async function recordSource(options: RecordOptions): Promise<RecordSource | null> {
  const { records: files, fromWorker = false, limit, url, idp } = options
  if (files.length > 0 && fromWorker) {
    throw new Failure("--records and --from-worker are two sources", "Name one of them.", EXIT.usage)
  }
  const range = rangeOf(options)
  if (files.length > 0) {
    return { read: (filter = {}) => filtered(recordsInFiles(files), { ...range, ...filter }), worker: null }
  }
  if (!fromWorker) return null
  const at = { url, idp }
  const bearer = await operatorBearer(at)
  const read = async function* (filter: RecordFilter = {}): AsyncGenerator<ShownRecord> {
    for await (const { decisions } of decisionPages(at, bearer, { ...range, ...filter }, limit)) yield* decisions
  }
  return { read, worker: { at, bearer } }
}

export async function* filtered(
  records: AsyncIterable<ShownRecord>,
  filter: RecordFilter,
): AsyncGenerator<ShownRecord> {
  for await (const record of records) if (matches(filter, record)) yield record
}
