/**
 * The record of a token request. If a token was issued, the ledger stores it in the same transaction; otherwise the
 * edge records it.
 */
import { oauthErrorOf, type OAuthError } from "../denials/oauth-error.ts"
import type { TraceParent } from "../encoding/trace-context.ts"
import type { TreeState } from "../task/state.ts"
import type { Pointer } from "../policy/bundle.ts"
import { userId, type UserFacts } from "../policy/principals.ts"
import type { Opened } from "../task/opening-step.ts"
import type { Consent } from "../task/pending-consent.ts"
import type { Task } from "../task/task.ts"
import type { ManagementDenial } from "../denials/management-denial.ts"
import { recordOf, type DecisionRecord, type ShadowResult } from "./record.ts"

/** The client of a token request, as its record names it. */
export interface RecordedClient {
  readonly agent: string
  /** False for a public client: anyone can name it, so the record does not count as the agent's. */
  readonly isProven: boolean
}

/** What the ledger cannot know of a token request: the id of its decision, and when it arrived. */
export interface RequestStamp {
  readonly decisionId: string
  /** Milliseconds since the epoch, by the edge's clock. */
  readonly receivedAt: number
  /** Of a token request that is traced. */
  readonly trace?: TraceParent
}

export function openingRecord(
  { opening, task, audience, chain, words, ends }: Opened,
  user: UserFacts | null,
  bundle: Pointer,
  { decisionId, receivedAt, trace }: RequestStamp,
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
    scope: words.scope,
    audience,
    user: user && userId(user),
    chain,
    bundle,
    expires: {
      token: { at: ends.token.at, limited_by: ends.token.by },
      task: { at: ends.task.at, limited_by: ends.task.by },
    },
    bound: opening.token.jkt !== null,
    total_ms: Math.max(0, now - receivedAt),
    trace: trace ?? null,
  })
}

/** Records that a user's consent is requested and the task waits, or that a user at their browser has given it. */
export function consentRecord(
  task: Task,
  { user, audience, answer }: Consent,
  bundle: Pointer,
  { decisionId, receivedAt }: RequestStamp,
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

/** Records the end of a task whose code or refresh token another party has presented. */
export function misuseRecord(
  id: string,
  { user, root: task, ledger: { bundle } }: Pick<TreeState, "user" | "root" | "ledger">,
  chain: readonly string[],
  by: string,
  audience: string,
  what: string,
  now: number,
): DecisionRecord {
  const denial = { reason: "grant_refused", what: `${what}, presented as ${by}` } as const
  const facts = { code: oauthErrorOf(denial), denial, task, audience, chain, bundle, user: user && userId(user) }
  return recordOf({ ...facts, id, at: now, kind: "end" })
}

/** @param client null if the request does not identify a client */
export function oauthErrorRecord(
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

/**
 * Records that an agent requested the revocation of a token that is not its own, or does not exist (RFC 7009, section
 * 2.2).
 */
export function notRevokedRecord(facts: DecisionRecord, client: RecordedClient): DecisionRecord {
  const denial = { reason: "not_found", what: "token" } as const
  return { ...facts, ...byClient(client, denial), decision: "deny", code: "not_found" }
}

/**
 * Names the client in the record. Only a proven identity is in `chain`, which determines an agent's records, its
 * `last_seen` and its share of the log. A name that anyone can write into a request is evidence of the denial:
 * otherwise a stranger could write records in an agent's name and crowd out its own. A replayed client assertion proves
 * nothing either.
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
