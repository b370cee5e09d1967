/**
 * The nearest changes that would reverse what policy says about a call. It tries each value with which a rule compares
 * something, and each group that a rule names for the user, and it leaves out what a rule reads. First it tries one
 * change at a time, then two.
 */
import { isNode, type Node } from "../policy/cedar/est.ts"
import { fromCedarJson } from "../policy/cedar/values/cedar-json.ts"
import { actionRef, entitiesFor, toolRef } from "../policy/principals.ts"
import { decimalText, isDecimal, makeDecimal } from "../policy/cedar/values/json-number.ts"
import { CedarSet, isEntity, isRecord, set, type CedarRecord, type Value } from "../policy/cedar/values/value.ts"
import { isPermitted, type PolicyQuestion } from "./policy-question.ts"

export interface Nearest {
  /** One or two, each as `context.arguments.to = "ann@example.org"`. */
  readonly changes: readonly string[]
}

interface Trial {
  readonly what: string
  /** Two changes of one subject are not tried together. */
  readonly subject: string
  readonly apply: (question: PolicyQuestion) => PolicyQuestion
}

/** Enough for any rules that people write; beyond that, not all pairs are tried. */
const MAX_TRIED = 20_000
const MAX_RETURNED = 8

/** The changes that turn an allow into a deny, or a deny into an allow. */
export function nearestChanges(question: PolicyQuestion): readonly Nearest[] {
  const before = isPermitted(question)
  const trials = trialsFor(question)
  const flips = (trial: Trial, on = question): boolean => isPermitted(trial.apply(on)) !== before
  const single = trials.filter((trial) => flips(trial))
  if (single.length > 0) return single.slice(0, MAX_RETURNED).map(({ what }) => ({ changes: [what] }))
  const found: Nearest[] = []
  let tried = 0
  for (const [index, first] of trials.entries()) {
    const changed = first.apply(question)
    for (const second of trials.slice(index + 1)) {
      if (second.subject === first.subject) continue
      if (++tried > MAX_TRIED || found.length >= MAX_RETURNED) return found
      if (flips(second, changed)) found.push({ changes: [first.what, second.what] })
    }
  }
  return found
}

function trialsFor(question: PolicyQuestion): readonly Trial[] {
  const { bundle, user, tool } = question
  const entities = entitiesFor(bundle.entities, user)
  const about = bundle.engine.rulesAbout(actionRef(tool.action), toolRef(tool.name), entities)
  const compared = about.flatMap(({ rule }) => comparisonsIn(rule.lowered.policy))
  const scopes = about.flatMap(({ principals }) => principals).flatMap(groupIn)
  const groups = scopes.concat(about.flatMap(({ rule }) => groupsIn(rule.lowered.policy)))
  const trials = [
    ...compared.flatMap((one) => trialsOf(one, question)),
    ...groups.flatMap((group) => groupTrials(group, question)),
  ]
  return [...new Map(trials.map((trial) => [trial.what, trial])).values()]
}

/**
 * A member of the context that a condition reads, and the value with which it compares it; without a value it only
 * tests whether the member is present, or true.
 */
interface Comparison {
  readonly path: readonly string[]
  readonly with: Value | null
  readonly operator: string
}

const BINARY = new Set(["==", "!=", "<", "<=", ">", ">=", "contains", "in", "containsAny", "containsAll"])
/** The methods by which rules compare decimals; Cedar's JSON lists their operands. */
const OF_DECIMALS = new Set(["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"])

function comparisonsIn(json: unknown): readonly Comparison[] {
  if (Array.isArray(json)) return json.flatMap(comparisonsIn)
  if (!isNode(json)) return []
  const own = Object.entries(json).flatMap(([operator, operands]) =>
    isNode(operands) ? comparisonOf(operator, operands) : comparisonOfDecimals(operator, operands),
  )
  return [...own, ...Object.values(json).flatMap(comparisonsIn)]
}

function comparisonOf(operator: string, operands: Node): readonly Comparison[] {
  if (operator === "." || operator === "has") {
    const left = pathOf(operands.left)
    const path = left && typeof operands.attr === "string" ? [...left, operands.attr] : null
    return path ? [{ path, with: null, operator }] : []
  }
  if (operator === "like") {
    const path = pathOf(operands.left)
    const sample = sampleOf(operands.pattern)
    return path && sample !== null ? [{ path, with: sample, operator }] : []
  }
  return BINARY.has(operator) ? comparisonOfTwo(operator, operands.left, operands.right) : []
}

function comparisonOfDecimals(operator: string, operands: unknown): readonly Comparison[] {
  return OF_DECIMALS.has(operator) && Array.isArray(operands) ? comparisonOfTwo(operator, operands[0], operands[1]) : []
}

function comparisonOfTwo(operator: string, left: unknown, right: unknown): readonly Comparison[] {
  return [[pathOf(left), literalOf(right)] as const, [pathOf(right), literalOf(left)] as const].flatMap(
    ([path, value]) => (path && value !== null ? [{ path, with: value, operator }] : []),
  )
}

/** Below `context`, outermost first. */
function pathOf(json: unknown): readonly string[] | null {
  if (!isNode(json)) return null
  if (json["Var"] === "context") return []
  const access = json["."]
  if (!isNode(access) || typeof access.attr !== "string") return null
  const left = pathOf(access.left)
  return left && [...left, access.attr]
}

function literalOf(json: unknown): Value | null {
  if (!isNode(json)) return null
  if ("Value" in json) return fromCedarJson(json["Value"]) ?? null
  const decimal: unknown = Array.isArray(json["decimal"]) ? json["decimal"][0] : null
  if (isNode(decimal)) return fromCedarJson({ __extn: { fn: "decimal", arg: decimal["Value"] } }) ?? null
  if (!Array.isArray(json["Set"])) return null
  const members = json["Set"].map(literalOf)
  return members.every((member) => member !== null) ? set(members) : null
}

/** A text that matches the pattern: its wildcards are left out. */
function sampleOf(pattern: unknown): string | null {
  if (!Array.isArray(pattern)) return null
  const parts = pattern.map((part: unknown) =>
    isNode(part) && typeof part["Literal"] === "string" ? part["Literal"] : "x",
  )
  return parts.join("")
}

/** What no caller can choose: the task and its owner. */
const FIXED = new Set(["task.id", "agent", "chain", "user", "task.depth"])

function trialsOf({ path, with: value, operator }: Comparison, { context }: PolicyQuestion): readonly Trial[] {
  const name = path.join(".")
  if (path.length === 0 || FIXED.has(name)) return []
  const now = valueAt(context, path)
  const values = value === null ? [] : [value, ...neighboursOf(value)]
  const set = [
    ...(now instanceof CedarSet ? [] : values).map((to) => assigned(path, to)),
    ...(now instanceof CedarSet && value !== null ? members(path, now, value, operator) : []),
    ...(typeof now === "boolean" ? [assigned(path, !now)] : []),
  ]
  // Only arguments and facts about the user's login may be missing.
  const isOptional = path[0] === "arguments" || path[0] === "session"
  const left = isOptional && path.length > 1 && now !== undefined ? [without(path)] : []
  return [...set, ...left]
}

/** The next number below, and above: a rule that compares a number admits one of the three. */
function neighboursOf(value: Value): readonly Value[] {
  if (typeof value === "bigint") return [value + 1n, value - 1n]
  return isDecimal(value) ? [makeDecimal(value.value + 1n), makeDecimal(value.value - 1n)] : []
}

function members(path: readonly string[], now: CedarSet, value: Value, operator: string): readonly Trial[] {
  const named = operator.startsWith("contains") && value instanceof CedarSet ? [...value.members.values()] : [value]
  return named.map((member) => {
    const others = [...now.members.values()].filter((each) => shown(each) !== shown(member))
    const isThere = now.has(member)
    const to = set(isThere ? others : [...others, member])
    const what = `context.${path.join(".")} ${isThere ? "without" : "with"} ${shown(member)}`
    return { what, subject: `${path.join(".")} ${shown(member)}`, apply: (question) => changed(question, path, to) }
  })
}

const assigned = (path: readonly string[], to: Value): Trial => ({
  what: `context.${path.join(".")} = ${shown(to)}`,
  subject: path.join("."),
  apply: (question) => changed(question, path, to),
})

const without = (path: readonly string[]): Trial => ({
  what: `without context.${path.join(".")}`,
  subject: path.join("."),
  apply: (question) => changed(question, path, undefined),
})

function changed(question: PolicyQuestion, path: readonly string[], to: Value | undefined): PolicyQuestion {
  return { ...question, context: withMember(question.context, path, to) }
}

function withMember(record: CedarRecord, [name = "", ...rest]: readonly string[], to: Value | undefined): CedarRecord {
  const copy = new Map(record)
  const inner = record.get(name)
  const value =
    rest.length === 0 ? to : withMember(inner !== undefined && isRecord(inner) ? inner : new Map(), rest, to)
  if (value === undefined) copy.delete(name)
  else copy.set(name, value)
  return copy
}

function valueAt(record: CedarRecord, [name = "", ...rest]: readonly string[]): Value | undefined {
  const value = record.get(name)
  if (rest.length === 0 || value === undefined) return value
  return isRecord(value) ? valueAt(value, rest) : undefined
}

/** The group of users in a key of a scope. */
function groupIn(key: string): readonly string[] {
  const name = /UserGroup::("(?:[^"\\]|\\.)*")$/u.exec(key)?.[1]
  const id: unknown = name === undefined ? null : JSON.parse(name)
  return typeof id === "string" ? [id] : []
}

/** Groups of users that a condition names anywhere. */
function groupsIn(json: unknown): readonly string[] {
  if (Array.isArray(json)) return json.flatMap(groupsIn)
  if (!isNode(json)) return []
  if (json.type === "UserGroup" && typeof json.id === "string") return [json.id]
  return Object.values(json).flatMap(groupsIn)
}

function groupTrials(group: string, { user }: PolicyQuestion): readonly Trial[] {
  if (!user) return []
  const isIn = user.groups.includes(group)
  const groups = isIn ? user.groups.filter((each) => each !== group) : [...user.groups, group]
  const what = `the user ${isIn ? "not in" : "in"} the group ${JSON.stringify(group)}`
  const apply = (question: PolicyQuestion): PolicyQuestion => ({
    ...question,
    user: question.user && { ...question.user, groups },
  })
  return [{ what, subject: "groups", apply }]
}

function shown(value: Value): string {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value !== "object") return String(value)
  if (isEntity(value)) return value.key
  if (value instanceof CedarSet) return `[${[...value.members.values()].map(shown).join(", ")}]`
  if (isRecord(value)) return `{${[...value].map(([name, one]) => `${name}: ${shown(one)}`).join(", ")}}`
  return isDecimal(value) ? `decimal("${decimalText(value)}")` : value.key
}
