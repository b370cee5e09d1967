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

/** One line: when, what, who, and why not. */
export function recordLine(record: ShownRecord): string {
  const { at, code, action, task, id } = record
  const time = colors.dim(new Date(at).toISOString().slice(11, 23))
  const what = `${subjectOf(record)}${action === null ? "" : `:${action}`}`
  const why = record.denial ? ` ${colors.yellow(whyNot(record))}` : ""
  const differs = record.candidate?.differs
  const would = differs
    ? ` ${colors.yellow(`candidate: ${differs.code}${differs.scope === null ? "" : ` ${differs.scope}`}`)}`
    : ""
  const happened = isObserved(record) ? ` ${colors.yellow("(observed: the call was not stopped)")}` : ""
  return `${time} ${verdictOf(record)} ${code.padEnd(18)} ${what.padEnd(30)} ${whoIn(record)} ${colors.dim(task ?? "")}${happened}${why}${would} ${colors.dim(id)}`
}

/** An approver's decision is no call: its line must not read as if the call had been made. */
function verdictOf(record: ShownRecord): string {
  const answer = answerIn(record)
  if (answer !== undefined && record.decision === "allow") return answer ? colors.green("yes  ") : colors.red("no   ")
  return record.decision === "allow" ? colors.green("allow") : colors.red("deny ")
}

function subjectOf(record: ShownRecord): string {
  const { tool, method, path, kind } = record
  const of = tool ?? path ?? OF_KIND.get(kind) ?? "?"
  if (answerIn(record) !== undefined) return `approval of ${of}`
  return kind === "management" && path !== null ? `${method ?? "?"} ${path}` : of
}

function whoIn({ chain, user, operator, kind, arguments: args }: ShownRecord): string {
  const agent = chain.at(-1)?.replace(/^spiffe:\/\//u, "")
  const whose = `${agent ?? "?"}${user === null ? "" : ` for ${user.split("|").at(-1)}`}`
  if (operator === null) return whose
  // The arguments of an operator's request say what it applies to.
  const managed = kind === "management" && Object.keys(args).length > 0 ? ` ${JSON.stringify(args)}` : ""
  return `${agent === undefined ? "" : `${whose} `}by ${operator}${managed}`
}

function isObserved({ kind, mode, decision }: ShownRecord): boolean {
  return kind === "call" && mode === "observe" && decision === "deny"
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

function listingOf({ asked, hidden }: NonNullable<ShownRecord["listing"]>): string {
  const reasons = Object.entries(hidden).map(([reason, count]) => `, ${count} hidden: ${reason.replaceAll("_", " ")}`)
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
