/**
 * Reads the fields by which guardrails group calls, as text: two calls agree on a field exactly if their texts are
 * equal.
 */
import { canonicalText } from "../encoding/canonical-json.ts"
import {
  argumentsNeeded,
  variantOf,
  type CallArguments,
  type MeteredArguments,
  type Unseen,
} from "../catalog/arguments.ts"
import { argumentsHash } from "../catalog/arguments-hash.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import { sha256Hex } from "../encoding/hash.ts"
import type { ArgumentField, Field } from "./definition.ts"
import type { HistoryKey } from "./history-key.ts"

/** An agent whose work on nobody's behalf is, or was, spread over several ledgers: none counts all of it alone. */
export interface Fleet {
  readonly agent: HistoryKey
  /** False: it has one ledger again. */
  readonly isSplit: boolean
}

/** The facts of a call that guardrails read. */
export interface CallFacts {
  /** The id of its decision. */
  readonly decision: string
  readonly task: string
  /** The root task. */
  readonly tree: string
  readonly agent: string
  /** By whom the ledger remembers this agent, and that of the root task. */
  readonly historyKey: HistoryKey
  readonly rootHistoryKey: HistoryKey
  /** Issuer and subject, joined by `|`. Null if no user is behind the task. */
  readonly user: string | null
  /** Null if a user is behind the task, or its root's agent has never had another ledger. */
  readonly fleet: Fleet | null
  readonly purpose: string
  readonly tool: Tool
  readonly arguments: MeteredArguments
  readonly gateway: string
  readonly environment: string
  /**
   * Of the client, as the gateway asserts it. Null if the gateway never asserts it, empty if it should and does not.
   */
  readonly country: string | null
  readonly network: string | null
  /** From 0 to 100. */
  readonly risk: number
}

/** The field cannot be read of this call. */
export interface Unread {
  readonly field: Field
  readonly because: "absent" | "unseen" | "variant" | "unasserted" | "crowded"
  /** Why the arguments were not visible, if that is known. */
  readonly unseen?: Unseen
}

export type Reader = (facts: CallFacts) => string | Unread

export function isUnread(read: string | readonly string[] | Unread): read is Unread {
  return typeof read === "object" && "because" in read
}

/** Returns the denial of a call of which a guardrail cannot read what it needs. */
export function unreadable(guardrail: string, { field, because, unseen }: Unread): Denial {
  if (because === "unseen") return argumentsNeeded([nameOf(field)], { ...(unseen && { unseen }) })
  if (because === "crowded") return { reason: "history_full", guardrail }
  if (because === "variant") return { reason: "argument_variant", argument: nameOf(field) }
  return { reason: "guardrail_field_missing", guardrail, field }
}

const ARGUMENTS = "arguments."

export function isArgument(field: Field): field is ArgumentField {
  return field.startsWith(ARGUMENTS)
}

/** Returns the names of the arguments among the fields. */
export function argumentNames(fields: readonly Field[]): readonly string[] {
  return fields.filter(isArgument).map(nameOf)
}

/** Returns the field's name; an argument's own name without its prefix. */
export function nameOf(field: Field): string {
  return isArgument(field) ? field.slice(ARGUMENTS.length) : field
}

const READERS: Readonly<Record<Exclude<Field, ArgumentField>, Reader>> = {
  task: ({ task }) => task,
  tree: ({ tree }) => tree,
  agent: ({ historyKey }) => historyKey,
  user: ({ user }) => (user === null ? { field: "user", because: "absent" } : bounded(JSON.stringify(user))),
  user_or_agent: ({ user, rootHistoryKey: agent }) => bounded(JSON.stringify(user === null ? { agent } : user)),
  purpose: ({ purpose }) => purpose,
  tool: ({ tool }) => tool.name,
  server: ({ tool }) => tool.server,
  // If not all arguments are visible, calls that cannot be distinguished count as the same.
  call: ({ tool, arguments: args }) => `${tool.name} ${callHash(args.draw(UNITS_OF_FIELD))}`,
  gateway: ({ gateway }) => gateway,
  environment: ({ environment }) => environment,
  country: ({ country }) => assertedText(country) ?? { field: "country", because: "unasserted" },
  network: ({ network }) => assertedText(network) ?? { field: "network", because: "unasserted" },
}

/** Returns `?` if the gateway should have asserted a value and did not: that is a value of its own. */
function assertedText(text: string | null): string | null {
  return text === "" ? "?" : text
}

export function readerOf(field: Field): Reader {
  if (!isArgument(field)) return READERS[field]
  return (facts) => {
    const value = argumentOf(facts.arguments, field)
    return isFound(value)
      ? isLong(value.found)
        ? longText(facts.arguments.draw(0), field, value.found)
        : textOf(value.found)
      : value
  }
}

/** Each value costs a look-up, and a row if it is new, for every guardrail that counts values. */
const MOST_AT_ONCE = 256

/** Returns the distinct members of a list, or the single value of anything else. */
export function valuesOf(field: Field, facts: CallFacts): readonly string[] | Unread {
  if (!isArgument(field)) {
    const text = READERS[field](facts)
    return isUnread(text) ? text : [text]
  }
  const value = argumentOf(facts.arguments, field)
  if (!isFound(value)) return value
  const { found } = value
  if (!Array.isArray(found)) return [isLong(found) ? longText(facts.arguments.draw(0), field, found) : textOf(found)]
  let texts = textsOfLists.get(found)
  if (!texts) textsOfLists.set(found, (texts = [...new Set(found.map(textOf))]))
  if (texts.length > MOST_AT_ONCE) return { field, because: "crowded" }
  facts.arguments.draw(texts.length * UNITS_OF_VALUE)
  return texts
}
/** Units of each value that a guardrail counts (core/encoding/work.ts). */
const UNITS_OF_VALUE = 60
/** A call is evaluated again with the credit that it was lent, and several guardrails may read the same list. */
const textsOfLists = new WeakMap<readonly unknown[], readonly string[]>()

interface FieldValue {
  readonly found: unknown
}

function isFound(value: FieldValue | Unread): value is FieldValue {
  return "found" in value
}

export function argumentOf(metered: MeteredArguments, field: ArgumentField): FieldValue | Unread {
  const args = metered.draw(UNITS_OF_FIELD)
  const { complete, values, unseen } = args
  const name = nameOf(field)
  if (!complete) return { field, because: "unseen", ...(unseen && { unseen }) }
  if (variantOf(args, new Set([name])) !== null) return { field, because: "variant" }
  const found = Object.hasOwn(values, name) ? values[name] : undefined
  return found === undefined || found === null ? { field, because: "absent" } : { found }
}

/** Units of a field. What texts and hashes of long values cost is the same for each call of a size, once. */
const UNITS_OF_FIELD = 40

/**
 * Joins several fields to one text. No field's text can contain the separator.
 * @param isOfTree whether the text is a key in a tree's own memory, in which all calls have the same tree
 */
export function keyReader(fields: readonly Field[], isOfTree = true): Reader {
  const distinguishing = isOfTree ? fields.filter((field) => field !== "tree") : fields
  const [only] = distinguishing
  if (only === undefined) return () => ""
  const readers = distinguishing.map(readerOf)
  if (readers.length === 1) return readerOf(only)
  return (facts) => {
    let key = ""
    for (const [index, read] of readers.entries()) {
      const text = read(facts)
      if (isUnread(text)) return text
      key = index === 0 ? text : `${key}\n${text}`
    }
    return key
  }
}

function callHash(args: CallArguments): string {
  return args.complete ? (argumentsHash(args) ?? "") : `? ${textOf(args.values)}`
}

/** A long value's text is computed once for all guardrails and evaluations of a call. */
function isLong(value: unknown): boolean {
  return typeof value === "string" ? value.length > LONGEST_TEXT : typeof value === "object"
}

function longText(args: CallArguments, field: ArgumentField, value: unknown): string {
  let texts = longTexts.get(args)
  if (!texts) longTexts.set(args, (texts = new Map()))
  let text = texts.get(field)
  if (text === undefined) texts.set(field, (text = textOf(value)))
  return text
}
const longTexts = new WeakMap<CallArguments, Map<ArgumentField, string>>()

/** JSON contains line breaks only as escapes, so they can separate fields. */
function textOf(value: unknown): string {
  return bounded(canonicalText(value) ?? "")
}

/** Returns a short text as it is, and the hash of a long one, which no short text can equal. */
function bounded(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `#${sha256Hex(text)}`
}
const LONGEST_TEXT = 128
