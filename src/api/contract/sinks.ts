/** `/v1/sinks`: how far each sink of decision records is. */
import * as z from "zod"
import { endpoint, once } from "./endpoint.ts"
import { moment, momentOrNull } from "./members.ts"

const MAX_BODY_BYTES = 1_024

const lost = once(() =>
  z.looseObject({
    from: z.number(),
    to: z.number().describe("The number after the last."),
    count: z.number().describe("How many of them the sink does not have."),
    why: z.string(),
    at: moment(),
  }),
)

const exporter = once(() =>
  z.union([
    z.looseObject({
      log: z.string(),
      next: z.number().describe("The number of the first record that the sink does not have."),
      lag_records: z.number().describe("Records that it does not have yet."),
      lag_seconds: z.number().describe("The age of the oldest of them."),
      succeeded_at: momentOrNull(),
      last_failure: z.looseObject({ at: moment(), says: z.string() }).nullable(),
      waits_until: momentOrNull(),
      lost_records: z.number().describe("Records that it will never get, unless the log still has them (backfill)."),
      lost: z.array(lost()).describe("The newest of them."),
      denies: z.boolean().describe("Calls are denied, because the log has no room for their records."),
    }),
    z.looseObject({ log: z.string(), error: z.literal("unavailable") }).describe("Its state could not be read."),
  ]),
)

export type Exporter = z.infer<ReturnType<typeof exporter>>
type KnownExporter = Extract<Exporter, { readonly next: number }>

export const isKnown = (each: Exporter): each is KnownExporter => "next" in each

/** Null if it has got something since its last failure. */
export function currentFailure({ last_failure, succeeded_at }: KnownExporter): KnownExporter["last_failure"] {
  return last_failure && last_failure.at > (succeeded_at ?? 0) ? last_failure : null
}

/** How a sink is, over all logs that it reads. */
export interface SinkHealth {
  readonly lagRecords: number
  /** The age of the oldest record that it lacks, in seconds. */
  readonly lagSeconds: number
  /** The latest, of those after which it has got nothing. */
  readonly failure: KnownExporter["last_failure"]
  readonly lostRecords: number
  /** Calls are denied, because a log has no room for their records. */
  readonly denies: boolean
  /** Logs of which nobody knows how far the sink is. */
  readonly unknown: readonly string[]
}

export function healthOf(logs: readonly Exporter[]): SinkHealth {
  const known = logs.filter(isKnown)
  const failures = known.flatMap((each) => currentFailure(each) ?? [])
  return {
    lagRecords: known.reduce((sum, { lag_records }) => sum + lag_records, 0),
    lagSeconds: Math.max(0, ...known.map(({ lag_seconds }) => lag_seconds)),
    failure: failures.toSorted((one, other) => other.at - one.at)[0] ?? null,
    lostRecords: known.reduce((sum, { lost_records }) => sum + lost_records, 0),
    denies: known.some(({ denies }) => denies),
    unknown: logs.filter((each) => !isKnown(each)).map(({ log }) => log),
  }
}

/** `has everything`, `lacks 12 records, the oldest 40 s old` */
export const lagInWords = (records: number, seconds: number): string =>
  records === 0
    ? "has everything"
    : `lacks ${records} ${records === 1 ? "record" : "records"}, the oldest ${seconds} s old`

const backfill = once(() =>
  z.strictObject({
    log: z.string().max(64).optional().describe("Absent: all logs that the sink reads."),
    from: z
      .union([z.int().min(0), z.literal("start")])
      .describe("The number of the first record; `start`: the oldest that the log has."),
  }),
)

export const sinks = {
  listSinks: endpoint({
    method: "GET",
    path: "/v1/sinks",
    summary: "Lists the sinks of decision records: how far each is in each log, and why it is not farther.",
    access: { by: "operator", role: "viewer", area: "sinks" },
    record: "management",
    answer: once(() =>
      z.looseObject({ sinks: z.array(z.looseObject({ id: z.string(), kind: z.string(), logs: z.array(exporter()) })) }),
    ),
    errors: [],
  }),
  backfillSink: endpoint({
    method: "POST",
    path: "/v1/sinks/:sink/backfill",
    summary:
      "Sends records from a number on, once more or for the first time; or goes on behind records that a sink rejects.",
    access: { by: "operator", role: "operator", area: "sinks" },
    record: "management",
    body: { schema: backfill, maxBytes: MAX_BODY_BYTES },
    answer: once(() =>
      z.looseObject({ id: z.string(), logs: z.array(z.looseObject({ log: z.string(), next: z.number() })) }),
    ),
    errors: ["not_found"],
  }),
} as const
