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

const signal = once(() => z.enum(["logs", "traces"]))
const failure = once(() => z.looseObject({ at: moment(), says: z.string() }))

const exporter = once(() =>
  z.union([
    z.looseObject({
      signal: signal(),
      log: z.string(),
      next: z.number().describe("The number of the first record that the sink does not have."),
      lag_records: z.number().describe("Records that it does not have yet."),
      lag_seconds: z.number().describe("The age of the oldest of them."),
      succeeded_at: momentOrNull(),
      last_failure: failure().nullable(),
      waits_until: momentOrNull(),
      lost_records: z.number().describe("Records that it will never get, unless the log still has them (backfill)."),
      lost: z.array(lost()).describe("The newest of them."),
      denies: z.boolean().describe("Calls are denied, because the log has no room for their records."),
    }),
    z
      .looseObject({ signal: signal(), log: z.string(), error: z.literal("unavailable") })
      .describe("Its state could not be read."),
  ]),
)

const metrics = once(() =>
  z
    .union([
      z.looseObject({ since: moment(), succeeded_at: momentOrNull(), last_failure: failure().nullable() }),
      z.looseObject({ error: z.literal("unavailable") }).describe("It has not begun, or its state could not be read."),
    ])
    .describe("Only of a sink that takes metrics."),
)

export type Exporter = z.infer<ReturnType<typeof exporter>>
type KnownExporter = Extract<Exporter, { readonly next: number }>
type Metrics = z.infer<ReturnType<typeof metrics>>
type KnownMetrics = Exclude<Metrics, { readonly error: string }>
type Failure = KnownExporter["last_failure"]

/** What a sink sends, by itself. */
interface SinkStates {
  readonly logs: readonly Exporter[]
  readonly metrics?: Metrics | undefined
}

export const isKnown = (each: Exporter): each is KnownExporter => "next" in each
export const areKnown = (each: Metrics): each is KnownMetrics => "since" in each

/** The log, and the signal if it is not that of every sink. */
export const exporterTitle = ({ log, signal: sent }: Exporter): string => (sent === "logs" ? log : `${log} (${sent})`)

/** Null if it has got something since its last failure. */
export function currentFailure({
  last_failure,
  succeeded_at,
}: Pick<KnownExporter, "last_failure" | "succeeded_at">): Failure {
  return last_failure && last_failure.at > (succeeded_at ?? 0) ? last_failure : null
}

/** How a sink is, over all logs that it reads and all signals that it sends. */
export interface SinkHealth {
  /** Of the signal that lacks the most. */
  readonly lagRecords: number
  /** The age of the oldest record that it lacks, in seconds. */
  readonly lagSeconds: number
  /** The latest, of those after which it has got nothing. */
  readonly failure: Failure
  readonly lostRecords: number
  /** Calls are denied, because a log has no room for their records. */
  readonly denies: boolean
  /** What nobody knows of how far the sink is with it. */
  readonly unknown: readonly string[]
}

export function healthOf({ logs, metrics: sent }: SinkStates): SinkHealth {
  const known = logs.filter(isKnown)
  const measured = sent && areKnown(sent) ? [sent] : []
  const failures = [...known, ...measured].flatMap((each) => currentFailure(each) ?? [])
  const lags = [...Map.groupBy(known, (each) => each.signal).values()].map((ofSignal) =>
    ofSignal.reduce((sum, { lag_records }) => sum + lag_records, 0),
  )
  const unknown = logs.filter((each) => !isKnown(each)).map(exporterTitle)
  return {
    lagRecords: Math.max(0, ...lags),
    lagSeconds: Math.max(0, ...known.map(({ lag_seconds }) => lag_seconds)),
    failure: failures.toSorted((one, other) => other.at - one.at)[0] ?? null,
    lostRecords: known.reduce((sum, { lost_records }) => sum + lost_records, 0),
    denies: known.some(({ denies }) => denies),
    unknown: sent && measured.length === 0 ? [...unknown, "metrics"] : unknown,
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
    signal: signal().optional().describe("Absent: all that the sink sends of records."),
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
      z.looseObject({
        sinks: z.array(
          z.looseObject({
            id: z.string(),
            kind: z.string(),
            logs: z.array(exporter()).describe("One for each signal and log."),
            metrics: metrics().optional(),
          }),
        ),
      }),
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
      z.looseObject({
        id: z.string(),
        logs: z.array(z.looseObject({ signal: signal(), log: z.string(), next: z.number() })),
      }),
    ),
    errors: ["not_found"],
  }),
} as const
