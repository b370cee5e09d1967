/**
 * Which of its ledgers an agent works in on nobody's behalf. Nearly all agents have one; a fleet is spread over several
 * partitions, by what the instance has proven in this very request. Labels, sequences and loops do not pass between
 * partitions, except as `passesLabels` says; limits are counted over all of them.
 */
import { sha256Hex } from "../encoding/hash.ts"
import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import type { Fleet } from "../guardrails/field.ts"
import type { AgentDefinition } from "../policy/definition/agents.ts"
import type { Pointer } from "../policy/bundle.ts"
import type { HistoryKey } from "../guardrails/history-key.ts"

/** The first partition is 0: the ledger of an agent that has no others. */
export interface Partition {
  readonly index: number
  /** How many the agent has. */
  readonly of: number
}

/** What a ledger knows of the partitions to which it belongs. */
export interface Home extends Partition {
  readonly agent: HistoryKey
  /** Milliseconds since the epoch, when the first partition began with another number of them, as far as is known. */
  readonly changedAt: number
  /** Whether it has all labels from the partitions of before. Otherwise it opens nothing. */
  readonly isCurrent: boolean
  /** Of the first partition: how many there were before that, and the bundle by which it changed. */
  readonly before: { readonly of: number; readonly bundle: Pointer } | null
}

/**
 * A task lives a day at most and a label is carried for a day at most; the rest is for clocks and bundles that are late.
 * So long after a change of the number partitions share their labels.
 */
export const CHANGE_LASTS_MS = 26 * 3_600_000

/**
 * A claim of the workload's issuer comes first, because an agent can make itself as many keys as it likes.
 * @param instance as the agent's credential proves it
 * @param jkt thumbprint of the key to which the token will be bound
 */
export function partitionOf(
  { id, partitions = 1 }: Pick<AgentDefinition, "id" | "partitions">,
  instance: string | null,
  jkt: string | null,
): Partition | OAuthFailure {
  if (partitions === 1) return { index: 0, of: 1 }
  // Where the issuer says something that cannot be read, the agent must not choose instead of it.
  if (instance === "" || (instance === null && jkt === null)) return oauthError({ reason: "instance_unproven" })
  const name = JSON.stringify([id, ...(instance === null ? ["key", jkt] : ["instance", instance])])
  const hash = Number.parseInt(sha256Hex(name).slice(0, 12), 16)
  return { index: hash % partitions, of: partitions }
}

/** Whether tasks may be opened there: a ledger that has never had others is the only one. */
export function isAtHome(home: Home | null, { index, of }: Partition): boolean {
  return home ? home.isCurrent && home.index === index && home.of === of : of === 1
}

/** Whether the number has changed so recently that an instance may have worked in another partition. */
export function passesLabels(home: Home | null, now: number): boolean {
  return home !== null && now < home.changedAt + CHANGE_LASTS_MS
}

/** How many partitions there may be that carry labels. */
export function mostPartitions(home: Home, now: number): number {
  return passesLabels(home, now) ? Math.max(home.of, home.before?.of ?? 0) : home.of
}

/**
 * Counts of the agent are lent to its ledgers from the first other one on, and stay so: when there is one ledger again,
 * it does not know what the others have used.
 */
export function fleetOf(home: Home, now: number): Fleet {
  return { agent: home.agent, isSplit: mostPartitions(home, now) > 1 || home.index > 0 }
}
