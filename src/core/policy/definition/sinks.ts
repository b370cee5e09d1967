/** `sinks.yaml`: where decision records are sent. */
import type { Action } from "../../catalog/tool.ts"

/** How records leave: one file each in `src/export/formats/` and `src/export/destinations/` says what it does. */
export const SINK_KINDS = ["otlp", "ocsf", "s3", "r2", "file"] as const
export type SinkKind = (typeof SINK_KINDS)[number]

/** What a file or an object contains. */
export const FILE_FORMATS = ["records", "ocsf"] as const
export type FileFormat = (typeof FILE_FORMATS)[number]

/** Of records: the calls and everything else that is done, mere reads of operators, and requests of unidentified callers. */
export const SINK_LOGS = ["records", "looks", "strangers"] as const
export type SinkLog = (typeof SINK_LOGS)[number]

export const RECORD_KINDS = ["call", "exchange", "approval", "end", "management"] as const
export type RecordKind = (typeof RECORD_KINDS)[number]

/** What a collector of OpenTelemetry gets: records as logs, decisions as spans, and what `/metrics` shows. */
export const SIGNALS = ["logs", "traces", "metrics"] as const
export type Signal = (typeof SIGNALS)[number]
/** Metrics are made of no single record. */
export type RecordSignal = Exclude<Signal, "metrics">

/**
 * Which decisions are spans, in the words of `OTEL_TRACES_SAMPLER`. There is no ratio of trace ids: callers choose them.
 */
export const SAMPLERS = ["always_on", "parentbased_always_on", "parentbased_always_off"] as const
export type Sampler = (typeof SAMPLERS)[number]

/** A sink of decision records (src/export). Its credentials are named; the Worker has them as `SINK_SECRETS`. */
export type SinkDefinition = {
  readonly id: string
  readonly logs: readonly SinkLog[]
  readonly kinds: readonly RecordKind[]
  readonly batch: {
    /** Records of one request, at most. */
    readonly records: number
    /** Bytes of what is sent, before it is compressed, at most. */
    readonly bytes: number
  }
  /** Calls of these action classes are denied while records cannot be kept for this sink; all others go on. */
  readonly denies: readonly Action[]
} &
  /** OTLP/HTTP with JSON. */
  (
    | (Collector & {
        readonly kind: "otlp"
        readonly signals: readonly Signal[]
        readonly sampler: Sampler
      })
    /** OCSF events as lines of JSON. */
    | (Collector & { readonly kind: "ocsf" })
    | {
        /** Objects behind the API of S3. */
        readonly kind: "s3"
        readonly format: FileFormat
        /** Of the bucket, and of what the names of the objects begin with. */
        readonly url: string
        readonly region: string
        /** Names of secrets. */
        readonly accessKey: string
        readonly secretKey: string
      }
    | {
        /** Objects of an R2 bucket that the Worker is bound to. */
        readonly kind: "r2"
        readonly format: FileFormat
        readonly bucket: string
        /** What the names of the objects begin with, before a slash. Empty: nothing. */
        readonly prefix: string
      }
    | {
        /** Files of the machine that `narrowgate serve` runs on. */
        readonly kind: "file"
        readonly format: FileFormat
      }
  )

/** The binding by which the Worker has a bucket. Names of buckets have no `_` and no capitals, so no two share one. */
export const bucketBinding = (bucket: string): string => `R2_${bucket.toUpperCase().replaceAll("-", "_")}`

/** The buckets that sinks write to, each once. */
export function bucketsOf(sinks: readonly SinkDefinition[]): readonly string[] {
  return [...new Set(sinks.flatMap((sink) => (sink.kind === "r2" ? sink.bucket : [])))].toSorted()
}

interface Collector {
  /** Of OTLP without the path of a signal. */
  readonly url: string
  /** Names of secrets, by the header whose value each is. */
  readonly headers: Readonly<Record<string, string>>
}
