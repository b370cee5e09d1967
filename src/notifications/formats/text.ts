/**
 * What a notice says to people, in one text that chat tools may render however they like. Agents write what is in it:
 * tool names, the message that a person is to know a request by, arguments. So every value stands in a code span, in
 * which neither Slack nor Mattermost nor Teams looks for links, mentions or emphasis, and has nothing left in it that
 * could end one, begin a tag or an entity, break the line, or turn the reading direction. Outside the spans the text is
 * ours alone. Pure.
 */
import { UNSEEN } from "../../core/encoding/display-text.ts"
import type { Stopped } from "../../core/signals/switch.ts"
import type { Notice, PendingApproval, SwitchNotice, TaskEndNotice } from "../../core/notices/notice.ts"

/** A line of its own, or several. */
export interface NoticeText {
  /** What has happened, without any value. */
  readonly title: string
  /** Names that are ours, with values that may be anybody's. */
  readonly facts: readonly (readonly [name: string, value: string])[]
  /** Where a person can look; null: nowhere in particular. It decides nothing. */
  readonly url: string | null
}

/** Characters of a value: the place that the address leads to shows all of it. */
const MOST = 200
const MOST_OF_ARGUMENTS = 1_000

/** Characters that some chat tool gives a meaning to even inside a code span, and what is shown instead. */
const INSTEAD: Readonly<Record<string, string>> = { "`": "'", "<": "‹", ">": "›", "&": "＆" }

/** What a chat shows of a value: one line, and nothing that it would obey. */
export function escapeForChat(value: string, most = MOST): string {
  const short = value.slice(0, most)
  const told = short
    // Controls, line breaks, what is not shown, what turns the reading direction, halves of characters.
    .replaceAll(UNSEEN, " ")
    .replaceAll(/[`<>&]/g, (character) => INSTEAD[character] ?? " ")
    .replaceAll(/\s+/gu, " ")
    .trim()
  return `${told === "" ? "-" : told}${short.length < value.length ? "…" : ""}`
}

/** @param issuer our own URL */
export function toldOf({ type, data }: Notice, issuer: string): NoticeText {
  if (data.kind === "end") return toldOfEnd(type, data)
  if (data.kind === "switch") return toldOfSwitch(type, data)
  return toldOfQuestion(data, issuer)
}

/** Plain, with the facts line by line. */
export function textOf({ title, facts, url }: NoticeText): string {
  const lines = facts.map(([name, value]) => `${name}: \`${value}\``)
  return [title, ...lines, ...(url === null ? [] : [url])].join("\n")
}

/** The page that shows it, once whoever comes has logged in; the address alone decides nothing. */
export function urlOf(question: PendingApproval, issuer: string): string {
  const of = `${issuer}/console/approvals/${question.task}`
  return question.kind === "call" ? `${of}/${question.approval}` : of
}

function toldOfQuestion(question: PendingApproval, issuer: string): NoticeText {
  const { kind, agent, user, purpose, task, answer, expiresAt } = question
  const what = kind === "call" ? "a call" : "a task"
  const title =
    answer === null
      ? `An agent waits for approval of ${what}.`
      : `Approval of ${what} was ${answer.approved ? "given" : "refused"}.`
  return {
    title,
    facts: facts([
      ["Tool", kind === "call" ? question.tool : null],
      ["Agent", agent],
      ["For", user],
      ["Purpose", purpose],
      ["Task", task],
      ["Scope", kind === "task" ? question.scope : null],
      ["Message of the agent", kind === "task" ? question.bindingMessage : null],
      ["Asked by", kind === "call" ? askerOf(question) : null],
      ["Arguments", kind === "call" ? question.arguments : null, MOST_OF_ARGUMENTS],
      ["Answered by", answer ? answer.by.join(", ") : null],
      ["Until", answer ? null : new Date(expiresAt).toISOString()],
    ]),
    url: urlOf(question, issuer),
  }
}

function askerOf({ guardrail, name, rules }: Extract<PendingApproval, { readonly kind: "call" }>): string {
  const by = guardrail === null ? rules.join(", ") : guardrail
  return name === null ? by : `${by} (${name})`
}

const ENDINGS: Readonly<Partial<Record<Notice["type"], string>>> = {
  "task.quarantined": "A task is frozen until somebody looks.",
  "task.released": "A frozen task may go on.",
  "task.revoked": "A task was ended.",
  "task.aborted": "A task was given up by its agent.",
}

function toldOfEnd(
  type: Notice["type"],
  { task, tasks, agent, user, purpose, by, operator, code, guardrail }: TaskEndNotice,
) {
  return {
    title: ENDINGS[type] ?? "",
    facts: facts([
      ["Task", task],
      ["Tasks in all", tasks.length > 1 ? String(tasks.length) : null],
      ["Agent", agent],
      ["For", user],
      ["Purpose", purpose],
      ["By", operator ?? by],
      ["Because of", code],
      ["Guardrail", guardrail],
    ]),
    url: null,
  }
}

function toldOfSwitch(type: Notice["type"], { switch: id, stopped, before, operator }: SwitchNotice): NoticeText {
  return {
    title: type === "switch.set" ? "Something was stopped." : "Something that was stopped may go on.",
    facts: facts([
      ["What", stopped.kind],
      ["Which", nameOfStopped(stopped)],
      ["Only what was given before", before === null ? null : new Date(before).toISOString()],
      ["By", operator],
      ["Switch", id],
    ]),
    url: null,
  }
}

/** Null where all is stopped. */
export function nameOfStopped(stopped: Stopped): string | null {
  switch (stopped.kind) {
    case "agent":
      return stopped.agent
    case "user":
      return stopped.user
    case "tool":
      return stopped.tool
    case "key":
      return stopped.kid
    case "everything":
      return null
    default:
      return stopped satisfies never
  }
}

function facts(all: readonly (readonly [name: string, value: string | null, most?: number])[]): NoticeText["facts"] {
  return all.flatMap(([name, value, most]) => (value === null ? [] : [[name, escapeForChat(value, most)] as const]))
}
