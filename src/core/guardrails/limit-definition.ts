/**
 * The definition of a limit. It stands apart from limit.ts because the meters and the lending of shared limits, which
 * limit.ts is built on, read it too.
 */
import type { ArgumentField, Field, GuardrailDefinition } from "./definition.ts"
import type { History } from "./history.ts"

/** What a limit counts of a call. */
export type Measure =
  /** Each call counts as one. */
  | { readonly kind: "calls" }
  /** The tool's cost in the catalog. */
  | { readonly kind: "cost" }
  /** The amount in an argument: exact, at most four decimals, never negative. */
  | { readonly kind: "sum"; readonly field: ArgumentField }
  /** The distinct values of a field; if the value is a list, its members. */
  | { readonly kind: "distinct"; readonly field: Field }

/** How long a call counts. */
export type Span =
  /** In any span of so many seconds, measured exactly. */
  | { readonly kind: "sliding"; readonly seconds: number }
  /** From one multiple of so many seconds since the epoch to the next: a day is a day of UTC. */
  | { readonly kind: "fixed"; readonly seconds: number }
  /** A token bucket that refills by the limit in so many seconds and holds at most `burst` tokens. */
  | { readonly kind: "bucket"; readonly seconds: number; readonly burst: number }
  /** For the lifetime of the task tree. */
  | { readonly kind: "life" }

/** The purpose of a limit. It only decides the code of a denial. */
export const TOPICS = ["window", "budget", "loop", "deviation"] as const
export type Topic = (typeof TOPICS)[number]

/** At most `limit` of a measure in a span, for each value of the key. */
export interface Limit extends GuardrailDefinition {
  readonly kind: "limit"
  readonly topic: Topic
  /**
   * The key: calls that agree on all of these fields share a count. If it contains `task` or `tree`, each tree has its
   * own count; if it contains the user, the user's ledger has it. Otherwise all ledgers share the count. Only a tree's
   * count may have the span `life`. Empty: all calls share one count.
   */
  readonly per: readonly Field[]
  /** Each agent has its own count for each user, over all of its trees, of what it and those below it call. */
  readonly history?: "agent"
  readonly measure: Measure
  /** In units of 1/10,000 for a sum (amount.ts). */
  readonly limit: number
  readonly span: Span
}

type Keyed = Pick<Limit, "per" | "history">

/** In which of a ledger's memories the count is. `tree` if it is in none, because all ledgers share it. */
export function historyOf({ per, history }: Keyed): History {
  if (history) return "chain"
  return isOfTree(per) || !isOfUser(per) ? "tree" : "user"
}

/** Whether an agent has the count where no user is behind the task: if it has several ledgers, they share it. */
export function isOfFleet({ per, history }: Keyed): boolean {
  return history === undefined && !isOfTree(per) && per.includes("user_or_agent")
}

/** Whether all ledgers share the count. */
export function isShared({ per, history }: Keyed): boolean {
  return history === undefined && !isOfTree(per) && !isOfUser(per)
}

export function isOfTree(per: readonly Field[]): boolean {
  return per.includes("task") || per.includes("tree")
}

/** A ledger has all calls of its user, and so counts them alone. */
export function isOfUser(per: readonly Field[]): boolean {
  return per.includes("user") || per.includes("user_or_agent")
}
