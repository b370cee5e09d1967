/**
 * The built Worker in bare workerd, with sinks on loopback: a second Worker on its objects appends records, as ledgers do.
 * It can be killed and started again on what it has stored.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import type { Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readManifest } from "../../dev/manifest.ts"
import { RECORD_KINDS, type SinkDefinition } from "../../src/core/policy/definition/sinks.ts"
import { batchOf, recordOf, storedForm, type DecisionRecord, type StoredRecord } from "../../src/core/record/record.ts"
import type { ExporterState } from "../../src/export/exporter-state.ts"
import type { MetricsState } from "../../src/export/metrics-state.ts"
import { readersOf, signalsOf } from "../../src/export/streams.ts"
import { newId } from "../../src/platform/new-id.ts"
import { configure, disk, keyValueStore, narrowgate, newSigner, published, yardOf } from "../node/bare-narrowgate.ts"
import { buildWorker, plainWorker, serve } from "../node/bare-workerd.ts"

export const ISSUER = "https://authz.example"

/** Of a collector of OpenTelemetry. */
export const OTLP = { kind: "otlp", signals: ["logs"], sampler: "parentbased_always_on", headers: {} } as const

export const COMMON = {
  logs: ["records"],
  kinds: RECORD_KINDS,
  batch: { records: 500, bytes: 1_000_000 },
  denies: [],
} as const satisfies Partial<SinkDefinition>

export interface Exporting extends AsyncDisposable {
  append(log: string, records: readonly StoredRecord[]): Promise<void>
  /** All records that wait have their positions. */
  wake(sink: string, log: string): Promise<void>
  /** `kill -9`, and once more on the same objects. */
  killAndStart(): Promise<void>
  /** @param stream the sink, or for its traces `<sink>.traces` */
  state(stream: string, log: string): Promise<ExporterState>
  metricsState(sink: string): Promise<MetricsState>
}

/** @param secrets by their names in the sinks */
export async function exporting(
  sinks: readonly SinkDefinition[],
  logs: readonly string[],
  secrets: Readonly<Record<string, string>> = {},
): Promise<Exporting> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-export-"))
  const module = await buildWorker(directory)
  const [users, agent] = [await newSigner("users"), await newSigner("agent")]
  const body = { ...(await yardOf(users, agent, "key")), streams: [], sinks }
  const { entries, PUBLISHER_KEYS } = await published(body, ISSUER)
  const variables = { ISSUER, PUBLISHER_KEYS, LOCAL: "true", SINK_SECRETS: JSON.stringify(secrets) }
  const { compatibilityDate } = await readManifest()
  const bindings = Object.entries({
    RECORD_LOG: "RecordLog",
    EXPORTER: "Exporter",
    METRICS_EXPORTER: "MetricsExporter",
  }).map(
    ([name, className]) =>
      `(name = "${name}", durableObjectNamespace = (className = "${className}", serviceName = "main"))`,
  )
  const configuration = configure(
    {
      main: await narrowgate({ module, variables }),
      feeder: `worker = ${plainWorker(join(import.meta.dirname, "feeder.js"), compatibilityDate, bindings)}`,
      kv: await keyValueStore(entries),
      objects: disk(join(directory, "objects")),
      internet: `network = (allow = ["public", "local"])`,
    },
    { feeder: "feeder" },
  )
  const file = join(directory, "workerd.capnp")
  await mkdir(join(directory, "objects"))
  await writeFile(file, configuration)
  let running = await serve(file, directory, ["feeder"] as const)
  const names = sinks.flatMap(readersOf).flatMap(({ name, log }) => (logs.includes(log) ? `${name}/${log}` : []))
  const measured = sinks.filter((sink) => signalsOf(sink).includes("metrics"))
  const command = async (path: string, query: readonly (readonly [string, string])[], batch?: string) => {
    const url = `http://127.0.0.1:${running.ports.feeder}${path}?${new URLSearchParams(query.map((pair) => [...pair]))}`
    const response = await fetch(url, batch === undefined ? {} : { method: "POST", body: batch })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response
  }
  const named = names.map((name) => ["name", name] as const)
  const digest =
    Object.keys(entries)
      .find((key) => key.startsWith("body/"))
      ?.slice(5) ?? ""
  await command("/follow", [["seq", "1"], ["digest", digest], ...named])
  await command("/measure", [["seq", "1"], ["digest", digest], ...measured.map(({ id }) => ["name", id] as const)])
  return {
    async append(log, records) {
      await command(
        "/append",
        [
          ["log", log],
          ["count", String(records.length)],
        ],
        batchOf(records),
      )
    },
    async killAndStart() {
      process.kill(running.server.pid, "SIGKILL")
      await running.server[Symbol.asyncDispose]()
      running = await serve(file, directory, ["feeder"] as const)
    },
    async state(sink, log): Promise<ExporterState> {
      const response = await command("/state", [["name", `${sink}/${log}`]])
      return JSON.parse(await response.text())
    },
    async metricsState(sink): Promise<MetricsState> {
      return JSON.parse(await (await command("/metrics-state", [["name", sink]])).text())
    },
    async wake(sink, log) {
      await command("/wake", [["name", `${sink}/${log}`]])
    },
    async [Symbol.asyncDispose]() {
      await running.server[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

/** Records as the Worker writes them, of one millisecond each. */
export function recordsFrom(at: number, count: number, fields: Partial<DecisionRecord> = {}): StoredRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const time = at + index
    return storedForm(recordOf({ id: newId("dec", time), at: time, kind: "call", tool: "files.read", ...fields }))
  })
}

/** Of a server that has begun to listen. */
export async function portOf(server: Server): Promise<number> {
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve))
  const address = server.address()
  if (typeof address !== "object" || !address) throw new Error("the server has no port")
  return address.port
}
