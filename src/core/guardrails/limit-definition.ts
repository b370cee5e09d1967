/**
 * The definition of a limit. It stands apart from limit.ts because the meters and the lending of shared limits, which
 * limit.ts is built on, read it too.
 */
import type { ArgumentField, Field, GuardrailDefinition } from "./definition.ts"

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
  /** In any span of so many seconds, exactly. */
  | { readonly kind: "sliding"; readonly seconds: number }
  /** From one multiple of so many seconds since the epoch to the next: a day is one of UTC. */
  | { readonly kind: "fixed"; readonly seconds: number }
  /** A bucket of tokens that refills by the limit in so many seconds and holds `burst` at most. */
  | { readonly kind: "bucket"; readonly seconds: number; readonly burst: number }
  /** As long as the task tree lives. */
  | { readonly kind: "life" }

/** The purpose of a limit. It decides the code of a denial and nothing else. */
export const TOPICS = ["window", "budget", "loop", "deviation"] as const
export type Topic = (typeof TOPICS)[number]

/** At most `limit` of a measure in a span, for each value of the key. */
export interface Limit extends GuardrailDefinition {
  readonly kind: "limit"
  readonly topic: Topic
  /**
   * The key: calls that agree on all of these fields share a count. If `task` or `tree` is among them, each tree keeps
   * its own count. Otherwise all trees share it, and its span is not `life`. Empty: all calls share one count.
   */
  readonly per: readonly Field[]
  readonly measure: Measure
  /** For a sum in units of 1/10,000 (amount.ts). */
  readonly limit: number
  readonly span: Span
}

/** Whether all task trees share the count. */
export function isShared({ per }: Pick<Limit, "per">): boolean {
  return !per.includes("task") && !per.includes("tree")
}
