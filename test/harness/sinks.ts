/** Sinks of decision records, and what stands for the network between them and the Worker. */
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect, vi } from "vitest"
import type { ExporterState } from "../../src/export/exporter-state.ts"
import { exporterOf } from "../../src/export/exporter-stub.ts"
import { applySinks } from "../../src/export/subscriptions.ts"
import { RECORD_KINDS, SINK_LOGS, type SinkDefinition } from "../../src/core/policy/definition/sinks.ts"
import { batchOf, recordOf, storedForm, type DecisionRecord } from "../../src/core/record/record.ts"
import { newId } from "../../src/platform/new-id.ts"
import { publish, yard } from "./bundles.ts"

export const LOG = "records-0"

const COMMON = { logs: SINK_LOGS, kinds: RECORD_KINDS, batch: { records: 500, bytes: 1_000_000 }, denies: [] } as const

export const COLLECTOR = {
  ...COMMON,
  id: "collector",
  kind: "otlp",
  url: "https://collector.test/otlp",
  signals: ["logs"],
  sampler: "parentbased_always_on",
  headers: { authorization: "collector-key" },
} as const satisfies SinkDefinition
export const LAKE = {
  ...COMMON,
  id: "lake",
  kind: "ocsf",
  url: "https://lake.test/in",
  headers: {},
} as const satisfies SinkDefinition
export const ARCHIVE = {
  ...COMMON,
  id: "archive",
  kind: "s3",
  format: "records",
  url: "https://bucket.s3.test/narrowgate",
  region: "eu-test-1",
  accessKey: "archive-id",
  secretKey: "archive-key",
} as const satisfies SinkDefinition

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  /** Unpacked. */
  readonly text: string
}

/** What a sink got, in the order in which it was sent, and what it answers from now on; an error is thrown. */
export interface SinkNetwork {
  readonly received: readonly Received[]
  answer: (request: Received) => Response | Error | Promise<Response>
}

/** Instead of the network, until mocks are restored. */
export function sinkNetwork(answer: SinkNetwork["answer"] = () => new Response("{}")): SinkNetwork {
  const received: Received[] = []
  const made: SinkNetwork = { received, answer }
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init)
    expect(request.redirect).toBe("manual")
    const packed = new Blob([await request.arrayBuffer()])
    const text = await new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).text()
    const one = { method: request.method, url: request.url, headers: request.headers, text }
    received.push(one)
    const answered = await made.answer(one)
    if (answered instanceof Error) throw answered
    return answered
  })
  return made
}

/** Publishes policies with these sinks, and the exporters learn of them. */
export async function withSinks(...sinks: readonly SinkDefinition[]): Promise<void> {
  const pointer = await publish({ ...(await yard()), sinks })
  await applySinks(env, { sinks, pointer })
}

let made = 0

/** As many records more in the log. */
export async function appendRecords(
  count: number,
  fields: Partial<DecisionRecord> = {},
  log = LOG,
): Promise<readonly string[]> {
  const records = Array.from({ length: count }, () => {
    const at = Date.UTC(2026, 10, 29) + ++made
    return storedForm(recordOf({ id: newId("dec", at), at, kind: "call", ...fields }))
  })
  await env.RECORD_LOG.getByName(log).append(count, batchOf(records))
  return records.map(({ id }) => id)
}

/** All records that wait have their positions, and what is due by the clock of now is done. */
export async function exportNow(sink: SinkDefinition, log = LOG): Promise<void> {
  await env.RECORD_LOG.getByName(log).seal()
  await exporterOf(env, sink.id, log).wake()
  await runDurableObjectAlarm(exporterOf(env, sink.id, log))
}

export const stateOf = async (sink: SinkDefinition, log = LOG): Promise<ExporterState> =>
  exporterOf(env, sink.id, log).state()

/** Ids of the records in what a sink of the format `records` or `ocsf` got. */
export function idsIn({ text }: Received): readonly string[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .flatMap((line) => line.id ?? line.metadata?.uid ?? [])
}
