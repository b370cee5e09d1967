/** Decision records as the Worker returns them, and as people read them. */
import { colors } from "../terminal/colors.ts"
import type { z } from "zod"
import { printableText } from "../terminal/escape.ts"
import { decision } from "../../src/api/contract/decisions.ts"

export const decisionRecord = decision()
export type ShownRecord = z.infer<typeof decisionRecord>

/**
 * Records contain what callers sent: escape sequences would move the cursor or recolour the reader's screen, and
 * bidirectional controls would make a line read as another.
 */
export function printable(record: ShownRecord): ShownRecord {
  const clean = (value: unknown): unknown => {
    if (typeof value === "string") return printableText(value)
    if (Array.isArray(value)) return value.map(clean)
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [clean(name), clean(inner)]))
  }
  return decisionRecord.parse(clean(record))
}

/** What a record without a tool and a path is about. */
const OF_KIND: ReadonlyMap<string, string> = new Map([
  ["exchange", "(token)"],
  ["approval", "(approval)"],
  ["end", "(end of a task)"],
])

/** An approver's decision on one call: whether they approved it. Undefined if the record is of something else. */
function answerIn({ kind, arguments: { approved } }: ShownRecord): boolean | undefined {
  return kind === "approval" && typeof approved === "boolean" ? approved : undefined
}

export interface LineForm {
  /** Whether lines have their date: not if all of them are of today. */
  readonly isDated: boolean
  /** Columns of the terminal, to which a line is cut. Null: there is none, and everything is printed. */
  readonly width: number | null
}

/** One line: when, what, who, with which path and arguments, and why not. Times are in UTC. */
export function recordLine(record: ShownRecord, { isDated, width }: LineForm): string {
  const { at, code, action, decision } = record
  const moment = new Date(at).toISOString()
  const [date, time] = [moment.slice(0, 11), moment.slice(11, width === null ? 23 : 19)]
  const when = isDated ? `${date}${time}Z` : time
  const what = `${subjectOf(record)}${action === null ? "" : `:${action}`}`
  const word = verdictOf(record)
  const head = `${when} ${word} ${code.padEnd(18)} ${short(what, width).padEnd(width === null ? 30 : 24)} ${whoIn(record, width)}`
  const task = width === null && record.task !== null && !what.includes(record.task) ? ` ${record.task}` : ""
  const id = short(record.id, width)
  const more = moreOf(record)
  const room = width === null ? Infinity : Math.max(LEAST_MORE, width - head.length - id.length - 2)
  const shownMore = more.length > room ? `${more.slice(0, room - 1)}…` : more
  const paint = decision === "allow" && word !== "no   " ? colors.green : colors.red
  const shownHead = `${colors.dim(when)} ${paint(word)}${head.slice(when.length + 1 + word.length)}`
  return `${shownHead}${colors.dim(task)}${shownMore === "" ? "" : ` ${colors.yellow(shownMore)}`} ${colors.dim(id)}`
}

/** A terminal that is too narrow breaks the line. */
const LEAST_MORE = 20

/** On a terminal an id is cut in its middle; `--json`, `explain` and a pipe have all of it. */
const short = (text: string, width: number | null): string =>
  width === null
    ? text
    : text.replace(/\b(dec|tsk)_(\w{4})\w{16,26}(\w{6})\b/gu, (_all, kind, begin, end) => `${kind}_${begin}…${end}`)

/** What the call was about, what is special about the decision, and why the call was denied. */
function moreOf(record: ShownRecord): string {
  const { kind, tool, method, path, arguments: args, candidate } = record
  const isCall = kind === "call"
  const parts = [
    isCall && tool !== null && path !== null && `${method ?? "?"} ${path}`,
    isCall && Object.keys(args).length > 0 && JSON.stringify(args),
    isObserved(record) && "(observed: the call was not stopped)",
    record.denial && whyNot(record),
    candidate?.differs && `candidate: ${candidate.differs.code} ${candidate.differs.scope ?? ""}`.trimEnd(),
  ]
  return parts.filter((part) => typeof part === "string").join(" ")
}

/** An approver's decision is no call: its line must not read as if the call had been made. */
function verdictOf(record: ShownRecord): string {
  const answer = answerIn(record)
  if (answer !== undefined && record.decision === "allow") return answer ? "yes  " : "no   "
  return record.decision === "allow" ? "allow" : "deny "
}

function subjectOf(record: ShownRecord): string {
  const { tool, method, path, kind } = record
  const of = tool ?? path ?? OF_KIND.get(kind) ?? "?"
  if (answerIn(record) !== undefined) return `approval of ${of}`
  return kind === "management" && path !== null ? `${method ?? "?"} ${path}` : of
}

/** A terminal has room for the last part of an agent's name. */
function whoIn({ chain, user, operator, kind, arguments: args }: ShownRecord, width: number | null): string {
  const agent = chain.at(-1)?.replace(width === null ? /^spiffe:\/\//u : /^.*\/(?=.)/u, "")
  const whose = `${agent ?? "?"}${user === null ? "" : ` for ${user.split("|").at(-1)}`}`
  if (operator === null) return whose
  // The arguments of an operator's request say what it applies to.
  const managed = kind === "management" && Object.keys(args).length > 0 ? ` ${JSON.stringify(args)}` : ""
  return `${agent === undefined ? "" : `${whose} `}by ${operator}${managed}`
}

function isObserved({ kind, mode, decision }: ShownRecord): boolean {
  return kind === "call" && mode === "observe" && decision === "deny"
}

function expiryOf({ token, task }: NonNullable<ShownRecord["expires"]>): string {
  const inWords = (what: string, { at, limited_by }: typeof token): string =>
    `the ${what} at ${new Date(at).toISOString()}, limited by ${limited_by}`
  return `${inWords("token", token)}; ${inWords("task", task)}`
}

/** All that determined one decision. */
export function explanation(record: ShownRecord): string {
  const { decision, code, mode, calls, bundle, principal } = record
  const answer = answerIn(record)
  const word = answer === undefined ? "allowed" : `answered: ${answer ? "approved" : "rejected"}`
  const verdict = decision === "allow" ? colors.green(word) : colors.red(`denied: ${code}`)
  const rows: readonly (readonly [string, string | null])[] = [
    ["when", new Date(record.at).toISOString()],
    ["tool", record.tool && `${record.tool} (${record.action ?? "?"}, ${record.sensitivity ?? "?"})`],
    ["request", record.method && `${record.method} ${record.path ?? ""} at gateway ${record.gateway ?? "?"}`],
    ["agent", record.chain.toReversed().join(", called by ") || null],
    ["operator", record.operator],
    ["user", record.user && `${record.user}${record.groups.length > 0 ? `, in ${record.groups.join(", ")}` : ""}`],
    ["task", record.task && `${record.task}${record.purpose === null ? "" : `, purpose ${record.purpose}`}`],
    ["expires", record.expires && expiryOf(record.expires)],
    ["why", record.denial && whyNot(record)],
    ["principal", principal && `${principal} was not permitted`],
    ["rules", record.rules.join(", ") || null],
    ["arguments", Object.keys(record.arguments).length > 0 ? JSON.stringify(record.arguments) : null],
    ["facts", Object.entries(record.facts).map(fact).join(", ") || null],
    ["approvals", record.approvals.map(approvalUse).join(", ") || null],
    ["labels", record.labels.join(", ") || null],
    ["carried", record.carried.map(({ label, decision }) => `${label}, picked up by ${decision}`).join("; ") || null],
    ["listing", record.listing ? listingOf(record.listing) : null],
    ["windows", record.windows.map(windowUse).join(", ") || null],
    ["guardrails", record.guardrails.map(guardrailUse).join(", ") || null],
    ["calls", calls && `${calls.used}${calls.limit === null ? "" : ` of ${calls.limit}`}`],
    ["trace", record.trace && traceOf(record.trace)],
    ["mode", mode === "observe" ? "observe: the gateway allowed the call nevertheless" : null],
    ["candidate", record.candidate ? wouldBe(record.candidate) : null],
    ["cut", record.cut.length > 0 ? `truncated, being too long: ${record.cut.join(", ")}` : null],
    ["bundle", bundle && `${bundle.seq}, ${bundle.digest.slice(0, 16)}`],
    ["took", `${record.total_ms} ms, ${record.io_ms} ms of it waiting`],
  ]
  const lines = rows.flatMap(([name, value]) => (value ? [`  ${colors.dim(name.padEnd(10))} ${value}`] : []))
  return [`${record.id} ${verdict}`, ...lines].join("\n")
}

const fact = ([name, value]: readonly [string, unknown]): string => `${name} ${JSON.stringify(value)}`

/** As `traceparent` has it, without its version (W3C Trace Context, section 3.2). */
function traceOf(parent: string): string {
  const [trace, span = "?"] = parent.split("-")
  return `${trace}, in span ${span}`
}

function listingOf({ asked, hidden, tools = {} }: NonNullable<ShownRecord["listing"]>): string {
  const reasons = Object.entries(hidden).map(([reason, count]) => {
    const names = tools[reason] ?? []
    const which = names.length === 0 ? "" : ` (${names.join(", ")}${names.length < count ? ", …" : ""})`
    return `, ${count} hidden: ${reason.replaceAll("_", " ")}${which}`
  })
  return `${asked} tools${reasons.join("")}`
}

function wouldBe({ bundle, differs }: NonNullable<ShownRecord["candidate"]>): string {
  const name = `bundle ${bundle.seq}, ${bundle.digest.slice(0, 16)}, tried beside it`
  if (!differs) return `${name}: the same`
  const { denial, code, rules, scope } = differs
  if (denial) return `${name}: denied: ${code}; ${whyNot({ denial })}`
  return `${name}: allowed${scope === null ? "" : `: ${scope}`}${rules.length > 0 ? `; rules ${rules.join(", ")}` : ""}`
}

/** `used` is before this call. */
function guardrailUse({ guardrail, holds, used, asked, limit }: ShownRecord["guardrails"][number]): string {
  const figures =
    used === undefined ? "" : ` ${used}${asked ? ` and ${asked}` : ""}${limit === undefined ? "" : ` of ${limit}`}`
  return `${guardrail}${figures}${holds ? "" : " broken"}`
}

function approvalUse({ id, name, guardrail, by }: ShownRecord["approvals"][number]): string {
  return `${id} ${name ?? `of guardrail ${guardrail ?? "?"}`} by ${by.join(" and ")}`
}

function windowUse({ window, limit, seconds, used }: ShownRecord["windows"][number]): string {
  return `${window} ${used} of ${limit} in ${seconds} s`
}

function whyNot({ denial }: Pick<ShownRecord, "denial">): string {
  const { reason = "", ...evidence } = denial ?? {}
  const parts = Object.entries(evidence).map(
    ([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`,
  )
  return [reason.replaceAll("_", " "), ...parts].join(", ")
}
