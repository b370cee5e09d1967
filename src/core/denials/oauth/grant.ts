/** Why a task is not opened, or not with what the client requests. */
import * as z from "zod"
import { asciiText } from "../../encoding/display-text.ts"
import { NUMBER, plain, TEXT, TEXTS } from "../terms/evidence.ts"
import { reason } from "./reason.ts"

/** What limits a grant, and whose limit it is: the name of a purpose, an agent or a principal. */
export interface CapSource {
  readonly cap: "purpose" | "agent" | "parent" | "assertion" | "consent" | "policy"
  readonly of: string
}

export interface NothingLeft {
  readonly asked: readonly string[]
  /** Scopes that the client could have for this purpose. */
  readonly available: readonly string[]
  /** For each requested tool, the first cap that does not contain it, and whose cap it is. */
  readonly lacking: Readonly<Record<string, CapSource>>
}

const TASK = plain(TEXT, "The task.")
const PURPOSE = plain(TEXT, "The purpose.")
const AGENT = plain(TEXT, "The agent.")

const TOO_MANY = {
  live: "Too many tasks are open.",
  rate: "Too many tasks were opened just now.",
  tree: "The tree has too many tasks or live tokens.",
  ledger: "Too many tasks or tokens are live.",
  inbox: "Too many requests wait for this user's answer.",
} as const

export const GRANT_ERRORS = {
  grant_refused: reason({
    error: "invalid_grant",
    evidence: { what: plain(TEXT, "What is wrong with the code or the refresh token.") },
    // RFC 6749, section 4.1.2: a code that is presented twice ends what was issued for it.
    doc: "The code or refresh token is unknown, expired, another agent's, or was used before; the latter two end its task.",
    description: () => "It is not accepted: it is unknown, over, was used before, or is not for this agent.",
  }),
  purpose_not_allowed: reason({
    error: "unauthorized_client",
    evidence: { purpose: PURPOSE },
    doc: "The purpose is none of the agent's.",
    description: () => "The agent has no such purpose.",
  }),
  user_required: reason({
    error: "unauthorized_client",
    evidence: { purpose: PURPOSE },
    doc: "The purpose requires a user.",
    description: () => "A task of this purpose needs a user behind it.",
  }),
  delegation_not_allowed: reason({
    error: "unauthorized_client",
    evidence: { from: AGENT, to: plain(TEXT, "The agent that would get the sub-task.") },
    doc: "The agent of the task may not delegate to this agent.",
    description: () => "The parent's agent may not delegate to this agent.",
  }),
  too_deep: reason({
    error: "unauthorized_client",
    evidence: { agent: AGENT, depth: plain(NUMBER, "The `depth` of that agent.") },
    doc: "The chain would be longer than the `depth` of an agent above permits.",
    description: () => "The chain of agents would be too long.",
  }),
  parent_ended: reason({
    error: "invalid_request",
    evidence: { task: TASK, state: plain(TEXT, "How it ended.") },
    doc: "The task of the subject token, or one above it, has ended.",
    description: () => "The parent task has ended.",
  }),
  purpose_quarantined: reason({
    // RFC 6749, section 4.1.2.1: nothing is wrong with the request, but it is denied.
    error: "access_denied",
    evidence: { task: plain(TEXT, "The quarantined task."), purpose: PURPOSE },
    doc: "A task of the agent for this user and purpose is quarantined: it opens no other until an operator releases or ends it.",
    description: ({ task }) =>
      `The task ${asciiText(task)} of this agent for the same user and purpose is quarantined. An operator has to release or end it first.`,
  }),
  parent_token_unknown: reason({
    error: "invalid_request",
    evidence: {},
    doc: "The ledger has not issued the subject token, has revoked it, or it has expired.",
    description: () => "The parent task has ended.",
  }),
  task_unknown: reason({
    error: "invalid_request",
    evidence: { what: plain(TEXT, "The `task` of the request, or what is missing.") },
    doc: "`task` names no task of the agent and user, or the request has no session.",
    description: () => "There is no such task of this agent and user.",
  }),
  too_many_tasks: reason({
    error: "rate_limited",
    evidence: {
      what: plain(
        z.enum(["live", "rate", "tree", "ledger", "inbox"]),
        "`live`: open trees; `rate`: opened just now; `tree`: tasks or tokens of the tree; `ledger`: of all its trees for this user; `inbox`: requests to the user.",
      ),
      retry_after: plain(NUMBER, "Seconds, as in `Retry-After`."),
    },
    doc: "The agent has too many tasks for this user, or opens them too fast.",
    description: ({ what }) => TOO_MANY[what],
  }),
  renewal_differs: reason({
    error: "invalid_request",
    evidence: {},
    doc: "A renewal, or a fresher session, names something else than the task has.",
    description: () => "A renewal takes the task as it is: name neither scope, details nor another purpose.",
  }),
  scope_wider: reason({
    // RFC 6749, section 6.
    error: "invalid_scope",
    evidence: { scope: plain(TEXT, "The first scope that the task does not have.") },
    doc: "A refresh names a scope that the task does not have.",
    description: ({ scope }) => `A refresh may leave scopes out, and add none: the task does not have ${scope}.`,
  }),
  nothing_left: reason({
    error: "invalid_scope",
    evidence: {
      asked: plain(TEXTS, "The requested scopes."),
      available: plain(TEXTS, "Scopes that could be granted for this purpose."),
      lacking: plain(
        z.custom<NothingLeft["lacking"]>(),
        "By tool, the `cap` that does not contain it (`purpose`, `agent`, `parent`, `assertion`, `consent`, `policy`), and `of` whom.",
      ),
    },
    doc: "No requested scope can be granted.",
    description: nothingLeft,
  }),
}

function nothingLeft(refusal: NothingLeft): string {
  const lacking = Object.entries(refusal.lacking).slice(0, 8)
  const detail = lacking.map(([tool, { cap, of }]) => `${tool} (${cap} ${asciiText(of)})`).join(", ")
  const requested =
    detail === ""
      ? "The scopes name no tool that can be granted."
      : `No scope can be granted. What does not allow a tool: ${detail}.`
  const available = refusal.available.slice(0, 8).join(" ")
  return available === ""
    ? `${requested} No scope could be granted instead.`
    : `${requested} These scopes could be granted: ${available}.`
}
