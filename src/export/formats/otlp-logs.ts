/**
 * OpenTelemetry logs: a body of `POST /v1/logs` in OTLP's JSON (opentelemetry/proto/logs/v1, OTLP 1, "JSON Protobuf
 * Encoding"). Each record is an event `narrowgate.decision`, each checkpoint an event `narrowgate.checkpoint`.
 */
import type { LogCheckpoint, LoggedRecord } from "../../audit/log-page.ts"
import { spanOf } from "../../core/record/span.ts"
import { membersOf, positionOf, textOf, type Format, type StoredMembers } from "./format.ts"
import { beginning, keyValues, keyValueTexts, type KeyValue } from "./otlp-values.ts"
import { placeOf } from "./places.ts"

interface LogRecord {
  readonly timeUnixNano: string
  readonly observedTimeUnixNano: string
  readonly severityNumber: number
  readonly severityText: string
  readonly body: { readonly stringValue: string }
  readonly eventName: string
  readonly attributes: readonly KeyValue[]
  /** Of the decision's span. */
  readonly traceId?: string
  readonly spanId?: string
  readonly flags?: number
}

export const OTLP_LOGS: Format = {
  contentType: "application/json",
  extension: "otlp.json",
  write({ log, records, checkpoints }, { issuer }) {
    const attributes = keyValues([
      ["service.name", "narrowgate"],
      ["service.instance.id", issuer],
    ])
    // One after the other: of thousands at once, most of the time would go into collecting what they leave in memory.
    const texts = [
      ...records.map((record) => textOfRecord(log, record)),
      ...checkpoints.map((checkpoint) => JSON.stringify(ofCheckpoint(log, checkpoint))),
    ]
    const [resource, scope] = [JSON.stringify({ attributes }), JSON.stringify({ name: "narrowgate" })]
    const before = `{"resourceLogs":[{"resource":${resource},"scopeLogs":[{"scope":${scope},"logRecords":[`
    // Joined with the first and the last record: to put it round the whole would copy megabytes once more.
    texts[0] = `${before}${texts[0] ?? ""}`
    texts.push(`${texts.pop() ?? ""}]}]}]}`)
    return texts.join(",")
  },
}

/** OpenTelemetry's numbers of severities: a denial is what somebody may want to look at. */
const SEVERITIES = { allow: [9, "INFO"], deny: [13, "WARN"] } as const

function textOfRecord(log: string, record: LoggedRecord): string {
  const members = membersOf(record)
  const [severityNumber, severityText] = SEVERITIES[members["decision"] === "allow" ? "allow" : "deny"]
  const { traceId, spanId, flags } = spanOf({ id: String(members["id"]), trace: textOf(members["trace"]) })
  const head: Omit<LogRecord, "attributes"> = {
    ...timeOf(members["at"]),
    traceId,
    spanId,
    flags: Number.parseInt(flags, 16),
    severityNumber,
    severityText,
    body: { stringValue: sentenceOf(members) },
    eventName: "narrowgate.decision",
  }
  const attributes = `${keyValueTexts(members, beginningOf)},${keyValueTexts(positionOf(log, record), beginningOf)}`
  return `${JSON.stringify(head).slice(0, -1)},"attributes":[${attributes}]}`
}

/** By member. Those that this release does not know are few: another one has written them. */
const beginnings = new Map<string, string>()
function beginningOf(member: string): string {
  const known = beginnings.get(member)
  if (known !== undefined) return known
  const made = beginning(placeOf(member).otlp)
  beginnings.set(member, made)
  return made
}

/** For people who read lines: what was decided, about what. */
function sentenceOf({ decision, kind, tool, code }: StoredMembers): string {
  return [decision, textOf(tool) ?? kind, code].join(" ")
}

function ofCheckpoint(log: string, { size, at, note }: LogCheckpoint): LogRecord {
  const [severityNumber, severityText] = SEVERITIES.allow
  return {
    ...timeOf(at),
    severityNumber,
    severityText,
    body: { stringValue: note },
    eventName: "narrowgate.checkpoint",
    attributes: keyValues([
      [placeOf("log").otlp, log],
      ["narrowgate.size", size],
    ]),
  }
}

/** A repeated request has the same times. */
function timeOf(at: unknown): Pick<LogRecord, "timeUnixNano" | "observedTimeUnixNano"> {
  const nanoseconds = `${Number(at)}000000`
  return { timeUnixNano: nanoseconds, observedTimeUnixNano: nanoseconds }
}
