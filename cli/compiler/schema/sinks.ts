/** sinks.yaml: where decision records are sent. It contains no secrets. */
import { z } from "zod"
import { ACTIONS } from "../../../src/core/catalog/tool.ts"
import {
  FILE_FORMATS,
  RECORD_KINDS,
  SINK_KINDS,
  SAMPLERS,
  SIGNALS,
  SINK_LOGS,
  type SinkDefinition,
} from "../../../src/core/policy/definition/sinks.ts"
import { headerName, text, trustedUrl } from "./values.ts"

/** Each reads each log by an object of its own. */
const MOST_SINKS = 8

/** A record is as long as 16 kB, and some formats repeat names: a smaller bound could exclude ordinary records. */
const LEAST_BYTES = 65_536
/** What an isolate can hold in several forms at once. */
const MOST_BYTES = 8_388_608
const USUAL_BYTES = 4_000_000
const MOST_RECORDS = 5_000
const USUAL_RECORDS = 500

const sinkId = text(
  (value) => /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/u.test(value),
  "not the id of a sink",
  "Write up to 64 lower-case letters, digits and `-`.",
)

const secretName = text(
  (value) => /^[A-Za-z0-9_-]{1,64}$/u.test(value),
  "not the name of a secret",
  "Write the name that the secret has in `SINK_SECRETS`: up to 64 letters, digits, `_` and `-`. Never the secret.",
)

const sink = z.strictObject({
  id: sinkId.describe("The id in `/v1/sinks` and in the log. A sink with another id begins with the records of now."),
  kind: z
    .enum(SINK_KINDS)
    .describe(
      "`otlp`: OpenTelemetry by OTLP/HTTP with JSON. `ocsf`: OCSF events to an HTTPS collector. `s3`: objects by the API of S3. `r2`: objects of an R2 bucket. `file`: files of `narrowgate serve`.",
    ),
  url: trustedUrl
    .exactOptional()
    .describe(
      "Where it is sent. For `otlp`: the base URL, to which `/v1/logs` and so on are appended. For `s3`: of the bucket, and of what the names of objects begin with.",
    ),
  headers: z
    .record(headerName, secretName)
    .exactOptional()
    .describe("For `otlp` and `ocsf`: further headers, each with the name of the secret that is its whole value."),
  signals: z
    .array(z.enum(SIGNALS))
    .min(1)
    .exactOptional()
    .describe(
      "For `otlp`: `logs` (records), `traces` (a span for each decision on a call or a token), `metrics` (what `/metrics` shows, each minute). If absent: `logs`.",
    ),
  sampler: z
    .enum(SAMPLERS)
    .exactOptional()
    .describe(
      "For the signal `traces`, in the words of `OTEL_TRACES_SAMPLER`: which decisions are spans. If absent: `parentbased_always_on`, which leaves out those whose caller says that its trace is not sampled.",
    ),
  bucket: text(
    (value) => /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/u.test(value),
    "not the name of an R2 bucket",
    "Write 3 to 63 lower-case letters, digits and `-`.",
  )
    .exactOptional()
    .describe("For `r2`: the name of the bucket. `narrowgate deploy` binds the Worker to it."),
  prefix: text(
    (value) => value.length <= 256 && /^[\w.=-]+(?:\/[\w.=-]+)*$/u.test(value),
    "not what names of objects can begin with",
    "Write up to 256 letters, digits, `_`, `-`, `.`, `=`, and `/` between them.",
  )
    .exactOptional()
    .describe("For `r2`: what the names of objects begin with, before a `/`. If absent: nothing."),
  format: z
    .enum(FILE_FORMATS)
    .exactOptional()
    .describe(
      "For `s3`, `r2` and `file`: `records`, which `narrowgate decisions` reads and verifies, or `ocsf`. If absent: `records`.",
    ),
  region: z
    .string()
    .regex(/^[a-z0-9-]{1,64}$/u)
    .exactOptional()
    .describe("For `s3`: the region for which requests are signed; `auto` for R2."),
  access_key: secretName.exactOptional().describe("For `s3`: the name of the secret that is the id of the access key."),
  secret_key: secretName.exactOptional().describe("For `s3`: the name of the secret that is the access key."),
  logs: z
    .array(z.enum(SINK_LOGS))
    .min(1)
    .exactOptional()
    .describe(
      "Which logs: `records` (calls and all that is done), `looks` (mere reads by operators), `strangers` (unidentified callers). If absent: all.",
    ),
  kinds: z.array(z.enum(RECORD_KINDS)).min(1).exactOptional().describe("Which kinds of records. If absent: all."),
  batch: z
    .strictObject({
      records: z.int().min(1).max(MOST_RECORDS).default(USUAL_RECORDS).describe("Records of one request, at most."),
      bytes: z
        .int()
        .min(LEAST_BYTES)
        .max(MOST_BYTES)
        .default(USUAL_BYTES)
        .describe("Bytes of one request before compression, at most. A single record that is longer is not sent."),
    })
    .exactOptional()
    .describe("How much is sent at once."),
  full: z
    .partialRecord(z.enum(ACTIONS), z.enum(["drop", "deny"]))
    .exactOptional()
    .describe(
      "For each action class, if records cannot be kept for this sink: calls go on without (`drop`), or are denied (`deny`). If absent: `drop`.",
    ),
})

export const sinksFile = z.strictObject({ sinks: z.array(sink).max(MOST_SINKS).describe("The sinks.") })
export type SinksFile = z.infer<typeof sinksFile>

/**
 * As a bundle has them: each with the members of its kind, and no others.
 * @param file in which the checks have found no error
 */
export function sinksOf({ sinks }: SinksFile): readonly SinkDefinition[] {
  return sinks.map((each): SinkDefinition => {
    const { id, kind, url = "", logs = SINK_LOGS, kinds = RECORD_KINDS, batch, full = {} } = each
    const common = {
      id,
      logs,
      kinds,
      batch: batch ?? { records: USUAL_RECORDS, bytes: USUAL_BYTES },
      denies: ACTIONS.filter((action) => full[action] === "deny"),
    }
    if (kind === "otlp" || kind === "ocsf") {
      const collector = { ...common, url, headers: each.headers ?? {} }
      if (kind === "ocsf") return { ...collector, kind }
      const { signals: named = ["logs"], sampler = "parentbased_always_on" } = each
      return { ...collector, kind, signals: SIGNALS.filter((signal) => named.includes(signal)), sampler }
    }
    const format = each.format ?? "records"
    if (kind === "file") return { ...common, kind, format }
    if (kind === "r2") return { ...common, kind, format, bucket: each.bucket ?? "", prefix: each.prefix ?? "" }
    const { region = "", access_key: accessKey = "", secret_key: secretKey = "" } = each
    return { ...common, kind, format, url, region, accessKey, secretKey }
  })
}
