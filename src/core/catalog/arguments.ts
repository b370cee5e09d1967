/** The arguments of a call: what its path, query and body say, each name once. */
import { fits } from "../encoding/bytes.ts"
import { QUERY_PART } from "../denials/terms/query-part.ts"
import type { Denial } from "../denials/denial.ts"
import type { Work } from "../encoding/work.ts"
import { isPlainName, lettersOf, prefixedReadingsOf, readingsOf } from "../encoding/name-folding.ts"

export interface CallArguments {
  /** False if the body, which may hold more arguments, was not seen. */
  readonly complete: boolean
  readonly values: Readonly<Record<string, unknown>>
  /** A part of the query that upstreams read in different ways (query-names.ts); absent if there is none. */
  readonly unplain?: string
  /** Why not all arguments were seen, in words that a client may read; absent if all were, or if it is not known. */
  readonly unseen?: Unseen
}

/**
 * The arguments of a call with the meter of its work, for what evaluates them: nothing reads an argument without a
 * statement of what it costs.
 */
export class MeteredArguments {
  readonly #args: CallArguments
  readonly work: Work

  constructor(args: CallArguments, work: Work) {
    this.#args = args
    this.work = work
  }

  /** @param units of what the caller does with them (core/encoding/work.ts) */
  draw(units: number): CallArguments {
    this.work.take(units)
    return this.#args
  }
}

export type Unseen = (typeof UNSEEN)[keyof typeof UNSEEN]

/**
 * Longest body whose arguments are read, in bytes. Policies, hashes, guardrails and records each process all arguments,
 * so a longer body would cost tens of milliseconds. The arguments of a longer body count as not seen.
 */
const MOST_READ = 262_144

function isReadable(body: string): boolean {
  return fits(body, MOST_READ)
}

export const UNSEEN = {
  withheld: "the gateway does not pass on the body",
  headers: "the gateway passes on the MCP headers, not the body",
  type: "the Content-Type of the body is not JSON in UTF-8",
  form: "the body is not a JSON object",
  several: "the message names several resources",
  inexact: "the body has a number that a double does not hold exactly",
  long: `the body is longer than ${MOST_READ.toLocaleString("en")} bytes`,
} as const

/** Says why a part of the body is not read; null if all of it is. */
export function unseenOf(text: string, isExact: boolean): Unseen | null {
  if (!isReadable(text)) return UNSEEN.long
  return isExact ? null : UNSEEN.inexact
}

export const NO_ARGUMENTS: CallArguments = { complete: true, values: {} }
export const UNSEEN_ARGUMENTS: CallArguments = { complete: false, values: {} }

/** The denial of a call that cannot be decided without arguments that were not seen. */
export function argumentsNeeded(needed: readonly string[], { unseen }: Pick<CallArguments, "unseen">): Denial {
  return { reason: "arguments_unknown", needed, ...(unseen !== undefined && { what: unseen }) }
}

/**
 * Returns what the upstream may take for one of these arguments although it is spelled otherwise: `To` or `[to]` if
 * `to` is judged, or a part of the query that may be read as any argument. Null if there is no such thing.
 * @param names of the arguments that are judged; `*` stands for all
 */
export function variantOf(args: CallArguments, names: ReadonlySet<string>): string | null {
  if (names.size === 0) return null
  // Not the part itself: its name may contain the value of a redacted argument.
  if (args.unplain !== undefined) return QUERY_PART
  const { unreadable, sent, prefixed } = sentBy(args)
  if (unreadable !== undefined) return unreadable
  if (names.has("*")) {
    for (const [one, other] of sent.values()) if (one !== undefined && other !== undefined) return other
    for (const [reading, name] of prefixed) if (sent.get(reading)?.some((each) => each !== name)) return name
  }
  for (const name of names) {
    for (const reading of readingsOf(name) ?? [name]) {
      const variant = sent.get(reading)?.find((each) => each !== name) ?? prefixed.get(reading)
      if (variant !== undefined && variant !== name) return variant
    }
  }
  return null
}

/**
 * Like `variantOf`, for each object within the arguments of one call whose members of these names policies read. To
 * read a name takes microseconds, and a call may have thousands of names. So only names that contain a member's letters
 * are read, and each once.
 */
export function memberVariants(members: ReadonlySet<string>, work: Work): (object: object) => string | null {
  let isRead = readersOfMembers.get(members)
  if (!isRead) readersOfMembers.set(members, (isRead = readerOf(members)))
  const mayBeRead = isRead
  const isVariant = (key: string): boolean => {
    work.take(UNITS_OF_NAME)
    return isPlainName(key) ? mayBeRead(key, work) : work.once(mayBeRead, key, UNITS_OF_NAME)
  }
  return (object) => Object.keys(object).find((key) => !members.has(key) && isVariant(key)) ?? null
}

/** Returns whether some reader finds one of the members under a name. */
function readerOf(members: ReadonlySet<string>): (name: string, work: Work) => boolean {
  const readings = new Set([...members].flatMap((name) => readingsOf(name) ?? []))
  const letters = [...new Set([...readings].map((reading) => lettersOf(reading) ?? ""))]
  return (name, work) => {
    if (isPlainName(name)) return readingsOf(name)?.some((reading) => readings.has(reading)) ?? true
    const lettersOfName = work.once(lettersOf, name, UNITS_OF_LETTERS + 2 * name.length)
    work.take(2 * letters.length)
    if (lettersOfName !== null && !letters.some((each) => lettersOfName.includes(each))) return false
    work.take(UNITS_OF_READINGS)
    const own = readingsOf(name)
    return !own || [...own, ...prefixedReadingsOf(name)].some((reading) => readings.has(reading))
  }
}
/** Units of a name, of the letters of one that is not plain, and of all of its readings (core/encoding/work.ts). */
const UNITS_OF_NAME = 15
const UNITS_OF_LETTERS = 60
const UNITS_OF_READINGS = 800
/** The policies for a tool read the same members in all of its calls. */
const readersOfMembers = new WeakMap<ReadonlySet<string>, (name: string, work: Work) => boolean>()

interface SentNames {
  /** A name that may be read as any (name-folding.ts); absent if there is none. */
  readonly unreadable?: string
  /** The names that were sent, by each of their readings. */
  readonly sent: ReadonlyMap<string, readonly string[]>
  /** One of the names that have a prefix, by each reading without the prefix. */
  readonly prefixed: ReadonlyMap<string, string>
}

function sentBy(args: CallArguments): SentNames {
  let sent = sentNames.get(args)
  if (!sent) sentNames.set(args, (sent = findSent(args)))
  return sent
}
/** Policies, bounds and each guardrail need the names of the same call. */
const sentNames = new WeakMap<CallArguments, SentNames>()

function findSent({ values }: CallArguments): SentNames {
  const sent = new Map<string, string[]>()
  const prefixed = new Map<string, string>()
  for (const name of Object.keys(values)) {
    const readings = readingsOf(name)
    if (!readings) return { unreadable: name, sent, prefixed }
    for (const reading of readings) {
      const names = sent.get(reading)
      if (names) names.push(name)
      else sent.set(reading, [name])
    }
    for (const reading of prefixedReadingsOf(name)) prefixed.set(reading, name)
  }
  return { sent, prefixed }
}
