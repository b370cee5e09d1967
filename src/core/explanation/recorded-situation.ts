/**
 * What a record shows of the situation of its call: the user, the arguments, and what rules may read that the record
 * does not contain.
 */
import { canonicalText } from "../encoding/canonical-json.ts"
import type { CallArguments } from "../catalog/arguments.ts"
import type { Tool } from "../catalog/tool.ts"
import { CUT_MARK, MAX_SHOWN } from "../record/fields/truncation.ts"
import { decidedAnew } from "../denials/denial.ts"
import { HIGHEST_RISK } from "../guardrails/definition.ts"
import { rootOf } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import { argumentsJudgedBy, namedBoundsFor } from "../policy/named-bounds.ts"
import { actionRef, entitiesFor, toolRef, type UserFacts } from "../policy/principals.ts"
import type { RecordedCall } from "./recorded-call.ts"

export interface RecordedSituation {
  readonly task: string
  readonly root: string
  readonly tool: string
  readonly user: UserFacts | null
  readonly arguments: CallArguments
  /** What the rules would read, and the record does not contain: `context.arguments.amount`. */
  readonly notRecorded: readonly string[]
}

/**
 * Null if it is no call of an agent.
 * @param recordedBy the bundle that decided it, if it is available: what its rules read and the record does not contain
 *   was absent
 * @param alsoReads names of arguments that something else than rules would read
 */
export function situationOf(
  record: RecordedCall,
  bundle: Bundle,
  recordedBy: Bundle | null,
  alsoReads: Iterable<string> = [],
): RecordedSituation | null {
  const { kind, task, tool, chain } = record
  if (kind !== "call" || task === null || tool === null || chain.length === 0) return null
  const root = rootOf(task)
  if (!isPossible(record, root)) return null
  const user = userOf(record)
  const looked = lookedFor(record, recordedBy, user)
  const args = argumentsOf(record, looked)
  const guarded = recordedBy?.catalog.tools.get(tool)
  const alsoLooked = guarded ? looked.union(recordedBy?.guardrails.reads(guarded) ?? NONE) : looked
  const notRecorded = factsNotRecorded(record, bundle, user, args, alsoLooked, alsoReads)
  return { task, root, tool, user, arguments: args.recorded, notRecorded }
}

const NONE: ReadonlySet<string> = new Set()

/** Far above what any tree has. */
const MAX_CHAIN = 256

/** Records come from files too: one that no ledger can have written cannot be evaluated. */
function isPossible(record: RecordedCall, root: string): boolean {
  const { at, task, chain, calls, facts, guardrails } = record
  const counted = guardrails.flatMap(({ used = 0, asked = 0 }) => [Math.floor(used), Math.floor(asked)])
  const counts = [at, calls?.used ?? 0, facts["task.age"], facts["task.tree_calls"], ...counted]
  const areCounts = counts.every((count) => typeof count !== "number" || (Number.isSafeInteger(count) && count >= 0))
  const { risk } = facts
  const isLevel = typeof risk !== "number" || (Number.isSafeInteger(risk) && risk >= 0 && risk <= HIGHEST_RISK)
  const isChain = chain.length <= MAX_CHAIN && (chain.length === 1) === (task === root)
  return areCounts && isLevel && isChain && hasCanonicalForm(record.arguments)
}

/** A lone surrogate has none: a call with one is denied before a ledger receives it (RFC 7493, section 2.1). */
function hasCanonicalForm(values: object): boolean {
  try {
    return canonicalText(values) !== undefined
  } catch {
    return false
  }
}

/** `<issuer>|<subject>`: an issuer is a URL, which contains no `|`. */
function userOf({ user, groups, facts, at }: RecordedCall): UserFacts | null {
  if (user === null) return null
  const [issuer = "", ...rest] = user.split("|")
  const { "session.acr": acr, "session.auth_age": age } = facts
  return {
    issuer,
    subject: rest.join("|"),
    groups,
    ...(typeof acr === "string" ? { acr } : {}),
    ...(typeof age === "number" ? { auth_time: Math.floor(at / 1000) - age } : {}),
  }
}

interface RecordedArguments {
  readonly recorded: CallArguments
  readonly isWhole: boolean
}

/** Whether the rules denied it, or require an approval: a guardrail that requires one does so by its own name. */
export function isDeniedByRules(denial: NonNullable<RecordedCall["denial"]>): boolean {
  return decidedAnew(denial) === "rules" || (denial.reason === "approval_required" && denial.guardrail === null)
}

/** A record contains the arguments that rules and bounds read, and the number of the others. */
function argumentsOf(record: RecordedCall, looked: ReadonlySet<string>): RecordedArguments {
  const { arguments: values, arguments_omitted: omitted, denial } = record
  const all: CallArguments = { complete: true, values }
  if (omitted !== null) {
    const isCut = wasCut(record, "arguments")
    const isWhole = omitted === 0 && !isCut && Object.values(values).every((value) => isWholeValue(value, isCut))
    return { recorded: all, isWhole }
  }
  // Not seen: the result of rules does not depend on what they were.
  const isUnseen = denial?.reason === "arguments_unknown" || Object.keys(values).length > 0
  if (isUnseen) return { recorded: { complete: false, values }, isWhole: false }
  return {
    recorded: all,
    // Then the rules were evaluated, and so could see the arguments that they read.
    isWhole: looked.size > 0 && (denial === null || isDeniedByRules(denial)),
  }
}

/** Arguments that the rules of then read: a record contains each of them that was present. */
function lookedFor(record: RecordedCall, bundle: Bundle | null, user: UserFacts | null): ReadonlySet<string> {
  const tool = bundle && record.tool !== null ? bundle.catalog.tools.get(record.tool) : undefined
  if (!bundle || !tool || wasCut(record, "arguments")) return new Set()
  return argumentsRead(bundle, tool, user)
}

/** By rules, themselves or as named bounds. */
function argumentsRead(bundle: Bundle, tool: Tool, user: UserFacts | null): ReadonlySet<string> {
  const about = [actionRef(tool.action), toolRef(tool.name), entitiesFor(bundle.entities, user)] as const
  return new Set([...bundle.engine.readsFor(...about), ...argumentsJudgedBy(namedBoundsFor(bundle, ...about))])
}

function factsNotRecorded(
  record: RecordedCall,
  bundle: Bundle,
  user: UserFacts | null,
  { recorded, isWhole }: RecordedArguments,
  looked: ReadonlySet<string>,
  alsoReads: Iterable<string>,
): readonly string[] {
  const tool = record.tool === null ? undefined : bundle.catalog.tools.get(record.tool)
  if (!tool) return []
  const [action, resource] = [actionRef(tool.action), toolRef(tool.name)]
  const entities = entitiesFor(bundle.entities, user)
  const isCut = wasCut(record, "arguments")
  const isRecorded = (name: string): boolean =>
    Object.hasOwn(record.arguments, name) && isWholeValue(record.arguments[name], isCut)
  const hasLooked = record.arguments_omitted !== null
  const wasSeen = (name: string): boolean => isWhole || (hasLooked && (looked.has(name) || looked.has("*")))
  const isAbsent = (name: string): boolean => wasSeen(name) && !Object.hasOwn(record.arguments, name)
  const reads = recorded.complete ? [...argumentsRead(bundle, tool, user).union(new Set(alsoReads))] : []
  const args = reads.filter((name) => (name === "*" ? !isWhole : !isRecorded(name) && !isAbsent(name)))
  const read = [...bundle.engine.factsFor(action, resource, entities)]
  const facts = read.flatMap(membersOf).filter((path) => isRead(path, record) && !isFactRecorded(path, record))
  const labels = wasCut(record, "labels") && read.some((path) => ["*", "task", LABELS].includes(path)) ? [LABELS] : []
  const named = [...args.map((name) => `arguments.${name}`), ...facts, ...labels].map((path) => `context.${path}`)
  return hasGroups(record) ? named : [...named, "groups of the user"]
}

const LABELS = "task.labels"

const wasCut = ({ cut }: RecordedCall, field: string): boolean =>
  cut?.some((name) => name === field || name.startsWith(`${field}.`)) === true

/**
 * If rules permit and forbid by group, every group may matter; a record with the largest number of groups may lack
 * some.
 */
const hasGroups = (record: RecordedCall): boolean =>
  record.user === null || (record.groups.length < MAX_SHOWN && !wasCut(record, "groups"))

/** A truncated text has a mark, as has truncated JSON; lists and members are cut without one. */
function isWholeValue(value: unknown, isCut: boolean): boolean {
  if (typeof value === "string") return value !== "[redacted]" && !CUT_MARK.test(value)
  return !isCut || typeof value !== "object" || value === null
}

/** Members that a record contains only if rules read them. */
const SELDOM_RECORDED = ["task.age", "task.tree_calls", "session.acr", "session.auth_age", "risk"]

/** What is read as a whole is read member by member. */
function membersOf(path: string): readonly string[] {
  return SELDOM_RECORDED.filter((member) => path === "*" || member === path || member.startsWith(`${path}.`))
}

function isRead(path: string, { user, chain, calls }: RecordedCall): boolean {
  if (path.startsWith("session.")) return user !== null
  // For a root task, both are the same number.
  return !(path === "task.tree_calls" && chain.length === 1 && calls !== null)
}

/** Null in a record means absent. A record that could not contain the whole value omits it. */
const isFactRecorded = (path: string, record: RecordedCall): boolean =>
  Object.hasOwn(record.facts, path)
    ? isWholeValue(record.facts[path], wasCut(record, "facts"))
    : path.startsWith("session.") && record.facts["session"] === null
