/**
 * Records in the order in which they were made, whatever order they come in: sorted in runs, of which all but the last
 * wait in files, so that more of them can be sorted than fit into memory.
 */
import { createWriteStream } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { ShownRecord } from "../remote/decision-record.ts"
import { linesIn } from "./lines.ts"

/** In memory at once; a record has some two kilobytes. */
const RUN = 20_000

/**
 * Within a tree, `life` and `number` are the order (docs/reference/decision-record.md#durability). Between trees only
 * the clocks do.
 */
export async function* inOrder(records: AsyncIterable<ShownRecord>, run = RUN): AsyncGenerator<ShownRecord> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-records-"))
  try {
    const files: string[] = []
    let unsorted: ShownRecord[] = []
    for await (const record of records) {
      unsorted.push(record)
      if (unsorted.length < run) continue
      const file = join(directory, String(files.length))
      await pipeline(Readable.from(linesOf(unsorted.toSorted(compare))), createWriteStream(file, { mode: 0o600 }))
      files.push(file)
      unsorted = []
    }
    yield* merged([...files.map(readRun), Readable.from(unsorted.toSorted(compare))])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export interface Spooled {
  /** Each time from the first one on. */
  readonly read: () => AsyncIterable<ShownRecord>
  readonly close: () => Promise<void>
}

/** The same in a file, because they are read several times and standard input is read only once. */
export async function spooled(records: AsyncIterable<ShownRecord>): Promise<Spooled> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-records-"))
  const close = async (): Promise<void> => rm(directory, { recursive: true, force: true })
  const file = join(directory, "all")
  try {
    const lines = Readable.from(linesInOrder(records))
    await pipeline(lines, createWriteStream(file, { mode: 0o600 }))
  } catch (failure) {
    await close()
    throw failure
  }
  return { read: () => readRun(file), close }
}

async function* linesInOrder(records: AsyncIterable<ShownRecord>): AsyncGenerator<string> {
  for await (const record of inOrder(records)) yield `${JSON.stringify(record)}\n`
}

function* linesOf(records: readonly ShownRecord[]): Generator<string> {
  for (const record of records) yield `${JSON.stringify(record)}\n`
}

async function* readRun(file: string): AsyncGenerator<ShownRecord> {
  for await (const lines of linesIn(file))
    for (const line of lines) {
      if (line === "") continue
      // It was read as a record before it was written here.
      const record: ShownRecord = JSON.parse(line)
      yield record
    }
}

async function* merged(runs: readonly AsyncIterable<ShownRecord>[]): AsyncGenerator<ShownRecord> {
  const heads: { readonly rest: AsyncIterator<ShownRecord>; head: ShownRecord }[] = []
  for (const run of runs) {
    const rest = run[Symbol.asyncIterator]()
    const first = await rest.next()
    if (!first.done) heads.push({ rest, head: first.value })
  }
  while (true) {
    const [first, ...others] = heads
    if (!first) return
    const least = others.reduce((a, b) => (compare(b.head, a.head) < 0 ? b : a), first)
    yield least.head
    const next = await least.rest.next()
    if (next.done) heads.splice(heads.indexOf(least), 1)
    else least.head = next.value
  }
}

function compare(a: ShownRecord, b: ShownRecord): number {
  return (
    a.at - b.at ||
    (a.life ?? 0) - (b.life ?? 0) ||
    (a.number ?? 0) - (b.number ?? 0) ||
    (a.id < b.id ? -1 : Number(a.id > b.id))
  )
}
