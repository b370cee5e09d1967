/**
 * What guardrails.yaml says, as a bundle has it. Every kind of guardrail names the calls that it is about, what it
 * holds them to, and what follows where they do not keep to it. Closed sets; what each means is said where it is
 * judged (limit.ts, sequence.ts, cycle.ts, storm.ts, concurrency.ts).
 */
import type { Action, Sensitivity } from "../catalog/tool.ts"
import type { Code } from "../denials/code.ts"
import type { ArgumentBounds } from "../catalog/bounds.ts"
import type { Consequence } from "../denials/consequence.ts"

/**
 * What calls can be told apart by. `agent` is the one that calls, `call` the tool with its arguments; `country` and
 * `network` are what the gateway asserts of the client, and unknown where it asserts nothing.
 */
export const FIELDS = [
  "task",
  "tree",
  "agent",
  "user",
  "purpose",
  "tool",
  "server",
  "call",
  "gateway",
  "environment",
  "country",
  "network",
] as const
export type ArgumentField = `arguments.${string}`
export type Field = (typeof FIELDS)[number] | ArgumentField

/** Which calls; each member narrows, and what is absent narrows nothing. */
export interface Selector {
  /** Patterns. */
  readonly tools: readonly string[]
  readonly actions?: readonly Action[]
  /** At least one of them. */
  readonly labels?: readonly string[]
  /** At least so sensitive. */
  readonly sensitivity?: Sensitivity
  readonly agents?: readonly string[]
  readonly purposes?: readonly string[]
  readonly environments?: readonly string[]
  /** All of them hold, as those of a grant do; where arguments are not seen, they might. */
  readonly arguments?: ArgumentBounds
}

interface Common {
  /** Unique among all guardrails. */
  readonly id: string
  /** The calls that it judges. */
  readonly of: Selector
  /** It holds only while the risk of the call is at least this, 1 to 100; absent: always. */
  readonly fromRisk?: number
  readonly consequence: Consequence
  /** Of `approve`: the name in approvers.yaml by which people are asked; absent: any operator answers. */
  readonly approval?: string
}

/** What is counted of a call. */
export type Measure =
  /** One. */
  | { readonly kind: "calls" }
  /** What the catalog says that the tool costs. */
  | { readonly kind: "cost" }
  /** The amount that an argument holds: exact, at most four decimals, never negative. */
  | { readonly kind: "sum"; readonly field: ArgumentField }
  /** Values of a field, each once; of a list, its members. */
  | { readonly kind: "distinct"; readonly field: Field }

/** For how long what was counted counts. */
export type Span =
  /** Exactly: in any span of so many seconds. */
  | { readonly kind: "sliding"; readonly seconds: number }
  /** From one multiple of so many seconds since the epoch to the next: a day is one of UTC. */
  | { readonly kind: "fixed"; readonly seconds: number }
  /** A bucket of tokens that refills by the limit in so many seconds and holds `burst` at most. */
  | { readonly kind: "bucket"; readonly seconds: number; readonly burst: number }
  /** As long as its tree lives. */
  | { readonly kind: "life" }

/** What a limit is for: it decides the code of its denials and nothing else. */
export const TOPICS = ["window", "budget", "loop", "deviation"] as const
export type Topic = (typeof TOPICS)[number]

/** At most `limit` of a measure, for each value of its key, in a span. */
export interface Limit extends Common {
  readonly kind: "limit"
  readonly topic: Topic
  /**
   * Its key: those calls share a count that agree on all of these fields. With `task` or `tree` among them the count is
   * the tree's own; without, it is shared by all trees, and its span is not `life`. Never empty but for what is shared
   * by everything.
   */
  readonly per: readonly Field[]
  readonly measure: Measure
  /** Of a sum: in units of 1/10,000 (amount.ts); otherwise as counted. */
  readonly limit: number
  readonly span: Span
}

/** A field of the past call equals one of the call that is judged. */
export interface Tie {
  readonly past: Field
  readonly present: Field
}

/** Calls of the past, told by how they were and by what they share with the call that is judged. */
export interface Pattern extends Selector {
  /** All of them hold. */
  readonly where: readonly Tie[]
  /** What was so besides when that call was made, judged for that call. */
  readonly when?: Condition
}

/** How many. */
export type Threshold = { readonly atLeast: number } | { readonly atMost: number }

/** About what the tree was admitted to do. Whatever looks back does so for at most a day. */
export type Condition =
  | { readonly kind: "all" | "any"; readonly of: readonly Condition[] }
  | { readonly kind: "not"; readonly of: Condition }
  /** Such a call came before this one, less than so many seconds ago. */
  | { readonly kind: "formerly"; readonly event: Pattern; readonly seconds: number }
  /** The call right before this one, of the tree or of the task, lifecycle aside, was such. */
  | {
      readonly kind: "previous"
      readonly event: Pattern
      readonly seconds: number
      readonly in: "task" | "tree"
    }
  /** Such a call came before, and since then none that undoes it. */
  | { readonly kind: "since"; readonly event: Pattern; readonly undoneBy: Pattern; readonly seconds: number }
  /** So many such calls, this one included where it is one. */
  | { readonly kind: "count"; readonly event: Pattern; readonly seconds: number; readonly is: Threshold }
  /** So many values of a field of such calls, this one included where it is one. */
  | {
      readonly kind: "distinct"
      readonly event: Pattern
      readonly field: Field
      readonly seconds: number
      readonly is: Threshold
    }
  /** Amounts of such calls add up to so much, this one included where it is one; in units of 1/10,000. */
  | {
      readonly kind: "sum"
      readonly event: Pattern
      readonly field: ArgumentField
      readonly seconds: number
      readonly is: Threshold
    }

/** A temporal rule: a call is admitted only where the condition holds. */
export interface Sequence extends Common {
  readonly kind: "sequence"
  readonly require: Condition
}

/** Calls that go round in a circle: the same `length` calls, or fewer, `times` times, one right after the other. */
export interface Cycle extends Common {
  readonly kind: "cycle"
  /** Calls of the longest circle that is looked for, at least 2. */
  readonly longest: number
  /** The call that would close the circle so many times is denied; at least 2. */
  readonly times: number
  readonly per: "task" | "tree"
}

/** Denied calls of a task, or of its tree: more than `limit` in so many seconds are a storm. */
export interface Storm extends Common {
  readonly kind: "storm"
  readonly limit: number
  readonly seconds: number
  readonly per: "task" | "tree"
  /** Denials that count; absent: all but those of an outage, of a token that opens nothing, and of storms themselves. */
  readonly codes?: readonly Code[]
}

/** Calls in flight: each from its admission until it is settled, or its tool's longest duration has passed. */
export interface Concurrency extends Common {
  readonly kind: "concurrency"
  readonly limit: number
  /** With `task` or `tree` among them. */
  readonly per: readonly Field[]
}

export type Guardrail = Limit | Sequence | Cycle | Storm | Concurrency

/** Seconds: nothing looks back farther (a day; a fixed span may be longer). */
export const LONGEST_LOOK_BACK = 86_400
/** Seconds: 31 days. */
export const LONGEST_PERIOD = 2_678_400
export const HIGHEST_RISK = 100

/** Whether all trees share its counts. */
export function isShared({ per }: Pick<Limit, "per">): boolean {
  return !per.includes("task") && !per.includes("tree")
}
