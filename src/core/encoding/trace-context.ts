/**
 * W3C Trace Context (level 2), `traceparent`: which trace a request belongs to, and which span of it sent the request.
 * The sender of a request chooses it, so nothing is decided by it; a value that is malformed counts as absent ("Processing
 * model", 4.3). `tracestate` belongs to other tracing systems: it travels with the request itself, and nothing here
 * reads it.
 */

/** The header, and the member of `_meta`. */
export const TRACEPARENT = "traceparent"

/** `<trace id>-<id of the parent span>-<flags>`, in hex: a `traceparent` without its version. */
export type TraceParent = string

/** Version 00 ends here, and a later one may go on behind a hyphen ("Versioning of traceparent"). */
const PATTERN =
  /^(?:00|(?!ff|00)[0-9a-f]{2}(?=.{53}(?:$|-)))-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})/
const LENGTH = 55
/** A later version may have more members; what is longer than this is none of ours. */
const MAX_LENGTH = 512

/** Of the flags, level 2 defines these: `sampled`, and that the trace id is random. */
const FLAGS = 0b11
const SAMPLED = 0b01

export function readTraceparent(value: unknown): TraceParent | null {
  if (typeof value !== "string" || value.length < LENGTH || value.length > MAX_LENGTH) return null
  if (value.length > LENGTH && value.startsWith("00")) return null
  const [, ids, flags = "0"] = PATTERN.exec(value) ?? []
  return ids === undefined ? null : `${ids}-0${Number.parseInt(flags, 16) & FLAGS}`
}

export interface TraceParentParts {
  readonly traceId: string
  readonly spanId: string
  /** Hex. */
  readonly flags: string
  readonly isSampled: boolean
}

export function partsOfTrace(parent: TraceParent): TraceParentParts {
  const [traceId = "", spanId = "", flags = "00"] = parent.split("-")
  return { traceId, spanId, flags, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED }
}

export function isSameTrace(one: TraceParent, other: TraceParent): boolean {
  return one.slice(0, 32) === other.slice(0, 32)
}

/**
 * The trace id of what begins with this decision: the 128 bits of its ULID, whose last 80 bits are random ("Random
 * Trace ID Flag").
 * @param id `dec_` and a ULID
 */
export function traceIdOf(id: string): string {
  return (
    hexOf(id, 28) +
    hexOf(id, 24) +
    hexOf(id, 20) +
    hexOf(id, 16) +
    hexOf(id, 12) +
    hexOf(id, 8) +
    hexOf(id, 4)
  ).slice(-32)
}

/** The id of a decision's span: the last 64 of the random bits of its ULID. */
export function spanIdOf(id: string): string {
  return (hexOf(id, 16) + hexOf(id, 12) + hexOf(id, 8) + hexOf(id, 4)).slice(-16)
}

/** Returns the `traceparent` that names the decision's span as the parent. */
export function childTraceparent(parent: TraceParent, id: string): string {
  return `00-${parent.slice(0, 33)}${spanIdOf(id)}${parent.slice(49)}`
}

/** Crockford's base 32, as ULIDs are written. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
/** By the code of the character; 0 for what is no digit. */
const VALUES = Uint8Array.from({ length: 128 }, (_, code) => Math.max(0, DIGITS.indexOf(String.fromCharCode(code))))

/**
 * Four digits are 20 bits, and so five digits of hex.
 * @param from where they begin, counted from the end of the id
 */
function hexOf(id: string, from: number): string {
  let value = 1
  for (let at = id.length - from; at < id.length - from + 4; at++) {
    value = (value << 5) | (VALUES[id.charCodeAt(at)] ?? 0)
  }
  return value.toString(16).slice(1)
}
