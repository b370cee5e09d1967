/** What of a call a guardrail tells it apart by, as text: two calls agree on a field exactly where their texts do. */
import { canonicalText } from "../encoding/canonical-json.ts"
import { argumentsNeeded, variantOf, type CallArguments, type Unseen, argumentsHash } from "../catalog/arguments.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import { sha256Hex } from "../encoding/hash.ts"
import type { ArgumentField, Field } from "./definition.ts"

/** What guardrails see of a call. */
export interface CallFacts {
  /** Its id. */
  readonly decision: string
  readonly task: string
  readonly agent: string
  /** Issuer and subject, joined by `|`; null: nobody is behind the task. */
  readonly user: string | null
  readonly purpose: string
  readonly tool: Tool
  readonly arguments: CallArguments
  readonly gateway: string
  readonly environment: string
  /** Of the client, as the gateway asserts: null where it asserts none, empty where it should and does not. */
  readonly country: string | null
  readonly network: string | null
  /** 0 to 100. */
  readonly risk: number
}

/** The field is not to be had of this call. */
export interface Unread {
  readonly field: Field
  readonly because: "absent" | "unseen" | "variant" | "unasserted" | "crowded"
  /** Why the arguments were not seen, where that is known. */
  readonly unseen?: Unseen
}

export type Reader = (facts: CallFacts) => string | Unread

export function isUnread(read: string | readonly string[] | Unread): read is Unread {
  return typeof read === "object" && "because" in read
}

/** Why a call is denied of which a guardrail cannot read what it has to. */
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

/** The names of the arguments among the fields. */
export function argumentNames(fields: readonly Field[]): readonly string[] {
  return fields.filter(isArgument).map(nameOf)
}

/** Of an argument, its own name. */
export function nameOf(field: Field): string {
  return isArgument(field) ? field.slice(ARGUMENTS.length) : field
}

const READERS: Readonly<Record<Exclude<Field, ArgumentField>, Reader>> = {
  task: ({ task }) => task,
  // Where it counts, all that is known is of one tree.
  tree: () => "",
  agent: ({ agent }) => agent,
  user: ({ user }) => (user === null ? { field: "user", because: "absent" } : bounded(JSON.stringify(user))),
  purpose: ({ purpose }) => purpose,
  tool: ({ tool }) => tool.name,
  server: ({ tool }) => tool.server,
  // Where the arguments are not all seen, calls that cannot be told apart count as the same.
  call: ({ tool, arguments: args }) => `${tool.name} ${callHash(args)}`,
  gateway: ({ gateway }) => gateway,
  environment: ({ environment }) => environment,
  country: ({ country }) => said(country) ?? { field: "country", because: "unasserted" },
  network: ({ network }) => said(network) ?? { field: "network", because: "unasserted" },
}

/** What should be asserted and is not is a value of its own. */
function said(text: string | null): string | null {
  return text === "" ? "?" : text
}

export function readerOf(field: Field): Reader {
  if (!isArgument(field)) return READERS[field]
  return (facts) => {
    const value = argumentOf(facts.arguments, field)
    return isFound(value)
      ? isLong(value.found)
        ? longText(facts.arguments, field, value.found)
        : textOf(value.found)
      : value
  }
}

/** Each costs a look-up and, if it is new, a row, for every guardrail that counts values. */
const MOST_AT_ONCE = 256

/** The members of a list, each once; of anything else, itself. */
export function valuesOf(field: Field, facts: CallFacts): readonly string[] | Unread {
  if (!isArgument(field)) {
    const text = READERS[field](facts)
    return isUnread(text) ? text : [text]
  }
  const value = argumentOf(facts.arguments, field)
  if (!isFound(value)) return value
  const { found } = value
  if (!Array.isArray(found)) return [isLong(found) ? longText(facts.arguments, field, found) : textOf(found)]
  let texts = textsOfLists.get(found)
  if (!texts) textsOfLists.set(found, (texts = [...new Set(found.map(textOf))]))
  return texts.length > MOST_AT_ONCE ? { field, because: "crowded" } : texts
}
/** A call is judged once more with what it was lent, and each guardrail may read the same list. */
const textsOfLists = new WeakMap<readonly unknown[], readonly string[]>()

interface FieldValue {
  readonly found: unknown
}

function isFound(value: FieldValue | Unread): value is FieldValue {
  return "found" in value
}

export function argumentOf(args: CallArguments, field: ArgumentField): FieldValue | Unread {
  const { complete, values, unseen } = args
  const name = nameOf(field)
  if (!complete) return { field, because: "unseen", ...(unseen && { unseen }) }
  if (variantOf(args, new Set([name])) !== null) return { field, because: "variant" }
  const found = Object.hasOwn(values, name) ? values[name] : undefined
  return found === undefined || found === null ? { field, because: "absent" } : { found }
}

/** Several fields as one text: none of them can hold what stands between. */
export function keyReader(fields: readonly Field[]): Reader {
  const telling = fields.filter((field) => field !== "tree")
  const [only] = telling
  if (only === undefined) return () => ""
  const readers = telling.map(readerOf)
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

/** Its text is computed once for all guardrails and rounds of a call. */
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

/** JSON has no line breaks but escaped ones. */
function textOf(value: unknown): string {
  return bounded(canonicalText(value) ?? "")
}

/** What is kept of a value that is long: its hash, which no short value's text can be. */
function bounded(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `#${sha256Hex(text)}`
}
const LONGEST_TEXT = 128
