/**
 * A sink that fails every other time, and a Worker that is killed again and again: no record is lost on the way, and none
 * is left twice after deduplication by log and index. EXPORT_RECORDS says how many; a million by hand.
 */
import { createServer } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { gunzipSync } from "node:zlib"
import { expect, test } from "vitest"
import { COMMON, exporting, portOf, recordsFrom } from "./exporting.ts"

const RECORDS = Number(process.env["EXPORT_RECORDS"] ?? 40_000)
const LOGS = ["records-0", "records-1", "records-2", "records-3"]
const KILLS = 4
const BATCH = 500
const PER_LOG = Math.ceil(RECORDS / LOGS.length / BATCH) * BATCH
const WITHIN_MS = 60_000 + RECORDS * 2

function readEvent(line: string): { readonly uid?: string; readonly log: string; readonly sequence?: number } {
  const { metadata } = Object(JSON.parse(line))
  return { uid: metadata.uid, log: metadata.log_name, sequence: metadata.sequence }
}

test(`${RECORDS} records reach a sink that fails half the time`, { timeout: WITHIN_MS + 60_000 }, async () => {
  /** By log, the id of each index. */
  const received = new Map(LOGS.map((log) => [log, new Map<number, string>()]))
  /** By log, its requests. */
  const turns = new Map<string, number>()
  let [requests, failures, repeated] = [0, 0, 0]
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      requests += 1
      const lines = gunzipSync(Buffer.concat(chunks)).toString().trimEnd().split("\n").map(readEvent)
      const [{ log } = { log: "" }] = lines
      const turn = (turns.get(log) ?? 0) + 1
      turns.set(log, turn)
      // Half of the failures come after the records were taken: the sender cannot know that they have arrived.
      const fails = turn % 2 === 0
      const isTaken = !fails || turn % 4 === 0
      if (fails) failures += 1
      if (isTaken)
        for (const { uid, log: of, sequence } of lines) {
          if (uid === undefined || sequence === undefined) continue
          const ids = received.get(of)
          if (ids?.has(sequence)) repeated += 1
          // The same place never has another record.
          expect(ids?.get(sequence) ?? uid).toBe(uid)
          ids?.set(sequence, uid)
        }
      response.writeHead(fails ? 503 : 200, { "retry-after": "0" }).end()
    })
  }).listen(0, "127.0.0.1")
  const port = await portOf(server)
  const sink = { ...COMMON, id: "sink", kind: "ocsf", url: `http://127.0.0.1:${port}/`, headers: {} } as const
  await using narrowgate = await exporting([sink], LOGS)

  const sent = new Map<string, Set<string>>(LOGS.map((log) => [log, new Set<string>()]))
  const began = performance.now()
  for (let batch = 0; batch < PER_LOG / BATCH; batch++) {
    for (const log of LOGS) {
      const records = recordsFrom(Date.UTC(2026, 10, 29) + batch * BATCH, BATCH)
      await narrowgate.append(log, records)
      for (const { id } of records) sent.get(log)?.add(id)
    }
    if (batch % Math.ceil(PER_LOG / BATCH / KILLS) === 0) {
      for (const log of LOGS) await narrowgate.wake("sink", log)
      await narrowgate.killAndStart()
    }
  }
  const until = Date.now() + WITHIN_MS
  for (const log of LOGS)
    while ((await narrowgate.state("sink", log)).next < PER_LOG) {
      if (Date.now() > until) throw new Error(`${log}: ${JSON.stringify(await narrowgate.state("sink", log))}`)
      await narrowgate.wake("sink", log)
      await sleep(200)
    }
  const seconds = (performance.now() - began) / 1000
  for (const log of LOGS) {
    const ids = received.get(log) ?? new Map<number, string>()
    expect(ids.size, log).toBe(PER_LOG)
    expect(new Set(ids.values())).toEqual(sent.get(log))
    expect(await narrowgate.state("sink", log)).toMatchObject({ lost_records: 0, lost: [] })
  }
  expect(failures).toBeGreaterThan(0)
  console.log(
    `${PER_LOG * LOGS.length} records in ${seconds.toFixed(1)} s; ${requests} requests, ${failures} failed, ${repeated} records came again`,
  )
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test(
  "a log without requests wakes its exporters by its own alarm, also in a process that began anew",
  { timeout: 150_000 },
  async () => {
    const arrived = Promise.withResolvers<void>()
    const server = createServer((request, response) => {
      request.resume().on("end", () => arrived.resolve())
      response.end()
    }).listen(0, "127.0.0.1")
    const port = await portOf(server)
    const sink = { ...COMMON, id: "sink", kind: "ocsf", url: `http://127.0.0.1:${port}/`, headers: {} } as const
    await using narrowgate = await exporting([sink], ["records-0"])
    await narrowgate.append("records-0", recordsFrom(Date.UTC(2026, 10, 29), 10))
    await narrowgate.killAndStart()
    await arrived.promise
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  },
)
