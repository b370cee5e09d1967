/** An HTTPS collector: OTLP, or lines of JSON. Its headers are secrets, by name. */
import type { Signal, SinkDefinition } from "../../core/policy/definition/sinks.ts"
import { isObject } from "../../core/encoding/json.ts"
import { ACCEPTED, failed, withoutSecret, type DestinationContext, type Parcel, type Sent } from "./destination.ts"
import { deliver } from "./response.ts"

/** More is no answer of OTLP: it has one number and one message. */
const MAX_ANSWER_BYTES = 65_536
const MAX_MESSAGE = 256

export async function sendToCollector(
  { url, headers: named, kind }: Extract<SinkDefinition, { readonly kind: "otlp" | "ocsf" }>,
  { body, contentType, signal }: Parcel,
  { secrets, local }: DestinationContext,
): Promise<Sent> {
  const headers: Record<string, string> = { "content-type": contentType, "content-encoding": "gzip" }
  for (const [header, name] of Object.entries(named)) {
    const value = secrets.get(name)
    if (value === undefined) return withoutSecret(name)
    headers[header] = value
  }
  if (kind === "ocsf") return deliver({ url, method: "POST", headers, body }, local)
  const read = { bytes: MAX_ANSWER_BYTES, sent: (text: string) => readAnswer(text, REJECTED[signal]) }
  const sent = await deliver({ url: signalUrl(url, signal), method: "POST", headers, body }, local, read)
  return sent.kind === "failed" && sent.status === 404 ? { ...sent, failure: "no_endpoint" } : sent
}

/** The base URL is that of `OTEL_EXPORTER_OTLP_ENDPOINT` (OpenTelemetry, "Endpoint URLs for OTLP/HTTP"). */
function signalUrl(base: string, signal: Signal): string {
  if (!URL.canParse(base)) return base
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/${signal}`
  return url.href
}

/** How a response counts what was dropped. */
const REJECTED: Readonly<Record<Signal, string>> = {
  logs: "rejectedLogRecords",
  traces: "rejectedSpans",
  metrics: "rejectedDataPoints",
}

/**
 * `Export<signal>ServiceResponse` (OTLP, "Full Success", "Partial Success"): what was rejected must not be sent again. A
 * page that a proxy on the way answers with 200 is no such response, and nothing says that it arrived.
 */
function readAnswer(text: string, rejected: string): Sent {
  if (text.trim() === "") return ACCEPTED
  const response = parsed(text)
  if (!isObject(response)) return failed("answer_unknown")
  const partial = "partialSuccess" in response ? response.partialSuccess : null
  if (!isObject(partial)) return ACCEPTED
  const count = countOf(new Map<string, unknown>(Object.entries(partial)).get(rejected))
  const message = "errorMessage" in partial && typeof partial.errorMessage === "string" ? partial.errorMessage : ""
  return count > 0 ? { kind: "accepted", dropped: { count, message: message.slice(0, MAX_MESSAGE) } } : ACCEPTED
}

/** A number, or in the JSON of Protobuf a text. */
const countOf = (value: unknown): number => (typeof value === "number" || typeof value === "string" ? Number(value) : 0)

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
