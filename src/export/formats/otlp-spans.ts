/**
 * OpenTelemetry traces: a body of `POST /v1/traces` in OTLP's JSON (opentelemetry/proto/trace/v1). Each decision on a call
 * or a token request is one span of kind SERVER, below the span that asked for it. Its attributes are the record's under
 * the names of OpenTelemetry's conventions where these have one (semantic conventions 1.45, those for GenAI 0.1): who reads
 * traces is rarely who reads records, so a span names no person and no argument, but the decision, whose record has them.
 */
import type { LoggedRecord } from "../../audit/log-page.ts"
import type { Sampler } from "../../core/policy/definition/sinks.ts"
import { readStored, type DecisionRecord } from "../../core/record/record.ts"
import { spanOf, waitsOf } from "../../core/record/span.ts"
import type { Format } from "./format.ts"
import { keyValues, type KeyValue } from "./otlp-values.ts"
import { placeOf } from "./places.ts"

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  /** Those of the trace, and that it is known whether the parent is remote: it is. */
  readonly flags: number
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly KeyValue[]
  readonly events: readonly {
    readonly name: string
    readonly timeUnixNano: string
    readonly attributes: readonly KeyValue[]
  }[]
  readonly status: { readonly code: number }
}

const KIND_SERVER = 2
const [STATUS_UNSET, STATUS_ERROR] = [0, 2]
/** Of `traceparent`: a span that is sent was sampled here, whatever its caller said. */
const SAMPLED = 1
/** SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK and SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK. */
const PARENT_IS_REMOTE = 0x300

/** What a record says that names no person, and nothing that a caller has written. */
const FIELDS = [
  "id",
  "kind",
  "decision",
  "code",
  "mode",
  "gateway",
  "environment",
  "method",
  "mcp_method",
  "tool",
  "action",
  "sensitivity",
  "task",
  "purpose",
] as const satisfies readonly (keyof DecisionRecord)[]

export const OTLP_SPANS: Format = {
  contentType: "application/json",
  extension: "otlp.json",
  write: ({ records }, { issuer }) =>
    JSON.stringify({
      resourceSpans: [
        {
          resource: {
            attributes: keyValues([
              ["service.name", "narrowgate"],
              ["service.instance.id", issuer],
            ]),
          },
          scopeSpans: [{ scope: { name: "narrowgate" }, spans: records.map(toSpan) }],
        },
      ],
    }),
}

/**
 * Whether a record becomes a span. An agent chooses what its `traceparent` says of being sampled, so with
 * `parentbased_always_on` it can leave its own spans out, and with `parentbased_always_off` have them sent; never its
 * records.
 */
export function isSpan({ body }: Pick<LoggedRecord, "body">, sampler: Sampler): boolean {
  const record = readStored({ body })
  if (record.kind !== "call" && record.kind !== "exchange") return false
  if (sampler === "always_on") return true
  return record.trace === null ? sampler === "parentbased_always_on" : spanOf(record).isSampled
}

function toSpan({ body }: Pick<LoggedRecord, "body">): Span {
  const record = readStored({ body })
  const { traceId, spanId, parentSpanId, flags } = spanOf(record)
  const { at, total_ms, code, decision } = record
  const isOutage = OUTAGES.has(code)
  return {
    traceId,
    spanId,
    ...(parentSpanId !== null && { parentSpanId }),
    flags: Number.parseInt(flags, 16) | SAMPLED | (parentSpanId === null ? 0 : PARENT_IS_REMOTE),
    name: nameOf(record),
    kind: KIND_SERVER,
    startTimeUnixNano: nanoseconds(at - total_ms),
    endTimeUnixNano: nanoseconds(at),
    attributes: keyValues([...attributesOf(record), ...(isOutage ? ([["error.type", code]] as const) : [])]),
    events: decision === "deny" ? [denialOf(record)] : [],
    status: { code: isOutage ? STATUS_ERROR : STATUS_UNSET },
  }
}

/** Few names: a tool is one of the catalog. */
function nameOf({ kind, tool }: DecisionRecord): string {
  if (kind === "exchange") return "issue token"
  return tool === null ? "authorize" : `authorize ${tool}`
}

function attributesOf(record: DecisionRecord): readonly (readonly [name: string, value: unknown])[] {
  const agent = record.chain.at(-1)
  return [
    ...FIELDS.flatMap((field) => (record[field] === null ? [] : [[placeOf(field).otlp, record[field]] as const])),
    ...(agent === undefined ? [] : [["gen_ai.agent.id", agent] as const]),
    ...(record.bundle ? [["narrowgate.bundle.number", record.bundle.seq] as const] : []),
    ...Object.entries(waitsOf(record)).map(([step, ms]) => [`narrowgate.wait.${step}_ms`, ms] as const),
  ]
}

/** A denial is what an authorizer is there for, and no error of it; an outage is one. */
const OUTAGES: ReadonlySet<string> = new Set(["unavailable", "temporarily_unavailable", "server_error"])

function denialOf({ at, code, denial, rules }: DecisionRecord): Span["events"][number] {
  return {
    name: "narrowgate.denied",
    timeUnixNano: nanoseconds(at),
    attributes: keyValues([
      ["narrowgate.code", code],
      ...(denial && "reason" in denial ? [["narrowgate.reason", denial.reason] as const] : []),
      ...(rules.length > 0 ? [["narrowgate.rules", rules] as const] : []),
    ]),
  }
}

const nanoseconds = (milliseconds: number): string => `${milliseconds}000000`
