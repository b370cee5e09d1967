/** The record of a token request: made in the ledger, durably, where a token was issued; at the edge where none was. */
import { oauthErrorOf, type OAuthError } from "../denials/oauth-error.ts"
import type { TreeState } from "../task/state.ts"
import type { Pointer } from "../policy/bundle.ts"
import { userId, type UserFacts } from "../policy/principals.ts"
import type { Opened } from "../task/opening-step.ts"
import type { Consent } from "../task/pending-consent.ts"
import type { Task } from "../task/task.ts"
import type { ManagementDenial } from "../denials/management-denial.ts"
import { recordOf, type DecisionRecord, type ShadowResult } from "./record.ts"

/** The client of a token request, as far as its record names it. */
export interface RecordedClient {
  readonly agent: string
  /** False for a public client: anybody can name it, so the record does not count as the agent's. */
  readonly isProven: boolean
}

/** What only the edge knows of a token request. */
export interface Asking {
  readonly decisionId: string
  /** Milliseconds, by the edge's clock. */
  readonly receivedAt: number
}

export function openingRecord(
  { opening, task, audience, chain }: Opened,
  user: UserFacts | null,
  bundle: Pointer,
  { decisionId, receivedAt }: Asking,
  candidate: ShadowResult | null,
  now: number,
): DecisionRecord {
  return recordOf({
    id: decisionId,
    at: now,
    kind: "exchange",
    candidate,
    decision: "allow",
    code: "ok",
    task: task.id,
    purpose: task.purpose,
    scope: task.scope,
    audience,
    user: user && userId(user),
    chain,
    bundle,
    bound: opening.token.jkt !== null,
    total_ms: Math.max(0, now - receivedAt),
  })
}

/** A person is asked for their consent: the task waits. Or they are at their browser, and have given it. */
export function askedRecord(
  task: Task,
  { user, audience, answer }: Consent,
  bundle: Pointer,
  { decisionId, receivedAt }: Asking,
  now: number,
): DecisionRecord {
  return recordOf({
    id: decisionId,
    at: now,
    kind: "approval",
    decision: "allow",
    code: answer ? "ok" : "authorization_pending",
    operator: answer && userId(answer.person),
    task: task.id,
    purpose: task.purpose,
    scope: task.scope,
    audience,
    user: userId(user),
    groups: answer?.person.groups ?? [],
    chain: [task.agent],
    bundle,
    total_ms: Math.max(0, now - receivedAt),
  })
}

/** The end of a task whose code or refresh token has come to somebody else. */
export function misuseRecord(
  id: string,
  { user, root: task, bundle }: Pick<TreeState, "user" | "root" | "bundle">,
  chain: readonly string[],
  by: string,
  audience: string,
  what: string,
  now: number,
): DecisionRecord {
  const denial = { reason: "grant_refused", what: `${what}, presented as ${by}` } as const
  const known = { code: oauthErrorOf(denial), denial, task, audience, chain, bundle, user: user && userId(user) }
  return recordOf({ ...known, id, at: now, kind: "end" })
}

/** @param client null if the request does not say who makes it */
export function refusalRecord(
  refusal: OAuthError,
  client: RecordedClient | null,
  bundle: Pointer | null,
  decisionId: string,
  receivedAt: number,
  now: number,
): DecisionRecord {
  return recordOf({
    id: decisionId,
    at: now,
    kind: "exchange",
    code: oauthErrorOf(refusal),
    ...byClient(client, refusal),
    bundle,
    total_ms: now - receivedAt,
  })
}

/** An agent asked for the end of a token or task that is not its own, or that does not exist (RFC 7009, section 2.2). */
export function nothingRevoked(known: DecisionRecord, client: RecordedClient): DecisionRecord {
  const denial = { reason: "not_found", what: "token" } as const
  return { ...known, ...byClient(client, denial), decision: "deny", code: "not_found" }
}

/**
 * Only a proven identity stands in `chain`, which an agent's records, its `last_seen` and its share of the log go by. A
 * name that anybody can write into a request is evidence of the denial: otherwise a stranger could write records in an
 * agent's name and crowd out its own. An assertion that was used before proves nothing either.
 */
function byClient(
  client: RecordedClient | null,
  denial: OAuthError | ManagementDenial,
): Pick<DecisionRecord, "chain" | "denial"> {
  if (!client) return { chain: [], denial }
  const { agent, isProven } = client
  if (isProven && denial.reason !== "agent_unauthenticated") return { chain: [agent], denial }
  return { chain: [], denial: { ...denial, claimed_client: agent } }
}
