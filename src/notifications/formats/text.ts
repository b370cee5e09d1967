/**
 * The text of a notice for people. Agents write parts of it: tool names, binding messages, arguments. Chat tools may render
 * it in any way. So every value stands in a code span, in which neither Slack nor Mattermost nor Teams looks for links,
 * mentions or emphasis. A value cannot end its span, begin a tag or an entity, break the line, or change the reading
 * direction. Outside the spans all text is our own. Pure.
 */
import { UNSEEN } from "../../core/encoding/display-text.ts"
import type { Stopped } from "../../core/signals/switch.ts"
import type { Notice, PendingApproval, SwitchNotice, TaskEndNotice } from "../../core/notices/notice.ts"

/** The parts of the text. */
export interface NoticeText {
  /** What happened, without foreign text. */
  readonly title: string
  /** Names of ours, with values that may be foreign text. */
  readonly facts: readonly (readonly [name: string, value: string])[]
  /** The page that shows more; null if there is none. Opening it decides nothing. */
  readonly url: string | null
}

/** Characters of a value. The page at the address shows it whole. */
const MOST = 200
const MOST_OF_ARGUMENTS = 1_000

/** Characters that some chat tool interprets even inside a code span, and their replacements. */
const REPLACEMENTS: Readonly<Record<string, string>> = { "`": "'", "<": "‹", ">": "›", "&": "＆" }

/** A value as one line of text that no chat tool interprets. */
export function escapeForChat(value: string, most = MOST): string {
  const short = value.slice(0, most)
  const line = short
    // Controls, line breaks, invisible characters, bidirectional controls, halves of surrogate pairs.
    .replaceAll(UNSEEN, " ")
    .replaceAll(/[`<>&]/g, (character) => REPLACEMENTS[character] ?? " ")
    .replaceAll(/\s+/gu, " ")
    .trim()
  return `${line === "" ? "-" : line}${short.length < value.length ? "…" : ""}`
}

/** @param issuer our own URL */
export function noticeText({ type, data }: Notice, issuer: string): NoticeText {
  if (data.kind === "end") return endText(type, data)
  if (data.kind === "switch") return suspensionText(type, data)
  return approvalText(data, issuer)
}

/** The notice as plain text, with one fact a line. */
export function textOf({ title, facts, url }: NoticeText): string {
  const lines = facts.map(([name, value]) => `${name}: \`${value}\``)
  return [title, ...lines, ...(url === null ? [] : [url])].join("\n")
}

/** The page of an approval. It needs a sign-in; its address alone decides nothing. */
export function urlOf(approval: PendingApproval, issuer: string): string {
  const task = `${issuer}/console/approvals/${approval.task}`
  return approval.kind === "call" ? `${task}/${approval.approval}` : task
}

function approvalText(approval: PendingApproval, issuer: string): NoticeText {
  const { kind, agent, user, purpose, task, answer, expiresAt } = approval
  const what = kind === "call" ? "call" : "task"
  const title =
    answer === null ? `A ${what} needs approval.` : `A ${what} was ${answer.approved ? "approved" : "rejected"}.`
  return {
    title,
    facts: facts([
      ["Tool", kind === "call" ? approval.tool : null],
      ["Agent", agent],
      ["User", user],
      ["Purpose", purpose],
      ["Task", task],
      ["Scope", kind === "task" ? approval.scope : null],
      ["Message of the agent", kind === "task" ? approval.bindingMessage : null],
      ["Requested by", kind === "call" ? sourceOf(approval) : null],
      ["Arguments", kind === "call" ? approval.arguments : null, MOST_OF_ARGUMENTS],
      ["Answered by", answer ? answer.by.join(", ") : null],
      ["Expires", answer ? null : new Date(expiresAt).toISOString()],
    ]),
    url: urlOf(approval, issuer),
  }
}

function sourceOf({ guardrail, name, rules }: Extract<PendingApproval, { readonly kind: "call" }>): string {
  const by = guardrail === null ? rules.join(", ") : guardrail
  return name === null ? by : `${by} (${name})`
}

const TASK_TITLES: Readonly<Partial<Record<Notice["type"], string>>> = {
  "task.quarantined": "A task was quarantined until an operator releases it.",
  "task.released": "A quarantined task was released.",
  "task.revoked": "A task was ended.",
  "task.aborted": "A task was aborted by its agent.",
}

function endText(
  type: Notice["type"],
  { task, tasks, agent, user, purpose, by, operator, code, guardrail }: TaskEndNotice,
) {
  return {
    title: TASK_TITLES[type] ?? "",
    facts: facts([
      ["Task", task],
      ["Tasks", tasks.length > 1 ? String(tasks.length) : null],
      ["Agent", agent],
      ["User", user],
      ["Purpose", purpose],
      ["By", operator ?? by],
      ["Code", code],
      ["Guardrail", guardrail],
    ]),
    url: null,
  }
}

function suspensionText(type: Notice["type"], { switch: id, stopped, before, operator }: SwitchNotice): NoticeText {
  return {
    title: type === "switch.set" ? "A suspension was set." : "A suspension was ended.",
    facts: facts([
      ["Kind", stopped.kind],
      ["Name", nameOfSuspended(stopped)],
      ["Only tokens issued before", before === null ? null : new Date(before).toISOString()],
      ["By", operator],
      ["Switch", id],
    ]),
    url: null,
  }
}

/** Null if everything is suspended. */
export function nameOfSuspended(stopped: Stopped): string | null {
  switch (stopped.kind) {
    case "agent":
      return stopped.agent
    case "user":
      return stopped.user
    case "issuer":
      return stopped.issuer
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
