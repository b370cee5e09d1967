/**
 * A million records leave: into a file that can be verified, by `narrowgate decisions export`, and to sinks of each
 * format that were down meanwhile. One process has all four logs, which are four objects elsewhere.
 */
import { writeFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { exportedLines } from "../../cli/records/export.ts"
import type { StatedLogs } from "../../src/core/proof/export-lines.ts"
import { writeRecordFile } from "../../cli/records/write-file.ts"
import { guard, type Benchmark, type Measured, type SideFigures } from "../benchmark.ts"
import type { Lab } from "../lab.ts"
import { processorTime } from "../schedstat.ts"
import { startCollector, type Collector } from "../servers/collector.ts"
import { FILLED_LOGS, SINKS, startFilled } from "../servers/filled.ts"
import type { Narrowgate } from "../servers/narrowgate.ts"

const [RECORDS, QUICK_RECORDS] = [1_000_000, 100_000]
const TARGET = 20_000
const LOOK_EVERY_MS = 20
/** No batch takes so long. */
const STALLED_MS = 60_000

export const exportRecords: Benchmark = {
  name: "export-records",
  question: `records a second that leave, into a file or to a sink, whichever is slowest, ÷ ${TARGET}`,
  unit: "ratio",
  target: 1,
  run: async (lab) => (await exported(lab)).measured,
}

export interface Exported {
  readonly records: number
  /** The file that was exported, and the keys that verify it. */
  readonly file: string
  readonly keys: string
  readonly measured: Measured
}

const made = new WeakMap<Lab, Promise<Exported>>()

/** Once for the whole run. */
export async function exported(lab: Lab): Promise<Exported> {
  const all = made.get(lab) ?? exportAll(lab)
  made.set(lab, all)
  return all
}

async function exportAll(lab: Lab): Promise<Exported> {
  const records = lab.pace.rounds > 8 ? RECORDS : QUICK_RECORDS
  await using collector = await startCollector()
  await using narrowgate = await startFilled(lab, collector, records)
  const [file, keys] = [lab.place("records.ndjson.gz"), lab.place("jwks.json")]
  await writeFile(keys, await narrowgate.jwks())
  lab.say("into a file")
  const sides = [
    await timed("narrowgate decisions export", narrowgate, records, async () => download(narrowgate, file)),
  ]
  for (const sink of SINKS) {
    lab.say(`to the sink ${sink}`)
    sides.push(
      await timed(`sink ${sink}`, narrowgate, records, async () => catchUp(narrowgate, collector, sink, records)),
    )
  }
  const value = Math.min(...sides.map(({ rate }) => rate.median)) / TARGET
  return { records, file, keys, measured: { value, sides } }
}

/** Its one rate stands for all rounds: once is long enough. */
async function timed(
  name: string,
  { workerd: { pid } }: Narrowgate,
  records: number,
  work: () => Promise<void>,
): Promise<SideFigures> {
  const [began, worked] = [performance.now(), processorTime(pid)]
  await work()
  const milliseconds = performance.now() - began
  const rate = (records / milliseconds) * 1_000
  const cpu = (processorTime(pid) - worked) / 1_000 / records
  return { name, rate: { median: rate, least: rate, most: rate }, cpu, p50: milliseconds / records }
}

async function download({ workerd: { port }, identities }: Narrowgate, file: string): Promise<void> {
  const headers = { authorization: `Bearer ${await identities.operatorToken()}` }
  const answer = await fetch(`http://127.0.0.1:${port}/v1/records/logs`, { headers })
  const stated: StatedLogs = JSON.parse(await answer.text())
  const range = { stated, logs: FILLED_LOGS, from: 0, times: {} }
  await writeRecordFile(
    file,
    exportedLines({ url: `http://127.0.0.1:${port}` }, async () => identities.operatorToken(), range),
  )
}

/** The collector knows when it has them: to ask the Worker would slow it down. */
async function catchUp(narrowgate: Narrowgate, collector: Collector, sink: string, records: number): Promise<void> {
  collector.open(sink)
  await narrowgate.ask(`/v1/sinks/${sink}/backfill`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${await narrowgate.identities.operatorToken()}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ from: "start" }),
  })
  let [taken, at] = [0, performance.now()]
  while (taken < records) {
    await sleep(LOOK_EVERY_MS)
    if (collector.taken(sink) > taken) [taken, at] = [collector.taken(sink), performance.now()]
    guard(performance.now() - at < STALLED_MS, `${sink} has ${taken} of ${records} records, and gets no more`)
  }
}
