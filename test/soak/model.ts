/**
 * What docs/guides/guardrails.md says of limits, loops and calls at once, as models of a few lines each. They remember
 * every call. Each answers two questions about a call: whether the documentation admits it, and whether a denial of it
 * is explained by an error of so much.
 */
import type { Field } from "../../src/core/guardrails/definition.ts"

/** Of the span: what the documentation says of much that is remembered, and of what is known after an eviction. */
export const HUNDREDTH = 0.01
/** Of the span: what it says of times after a crash. */
export const SIXTEENTH = 1 / 16

/** One call, as far as any guardrail here looks at it. */
export interface Asked {
  readonly tool: string
  readonly by: number
  readonly values: Readonly<Record<string, unknown>>
  readonly country: string | null
}

export interface ModelCall extends Asked {
  readonly id: string
  readonly cost: number
  /** Milliseconds that it is in flight for at most. */
  readonly duration: number
}

export interface Model {
  /** Whether the call is to be admitted. */
  admits(call: ModelCall, now: number): boolean
  /**
   * Whether an error of such a share of the span explains that the call is denied, as far as the documentation knows of
   * one here.
   */
  explains(call: ModelCall, now: number, slack: number): boolean
  admitted(call: ModelCall, now: number): void
  denied?(call: ModelCall, now: number, reason: string): void
  /** A moment at which something leaves the span that a call such as this one meets. */
  edge?(call: ModelCall, now: number): number | undefined
  /** The tree came back from storage: what was not known for certain counts as used. */
  woke?(now: number): void
  /** The clock made a step: until then, what was counted before may count for longer. */
  stepped?(settledAt: number): void
  /** The bundle has another threshold. */
  redefined?(threshold: number, now: number): void
  landed?(id: string): void
}

export function fieldOf(call: Asked, field: Field): string {
  if (field.startsWith("arguments.")) return JSON.stringify(call.values[field.slice("arguments.".length)])
  if (field === "call") return JSON.stringify([call.tool, call.values])
  if (field === "tree") return ""
  return String(field === "task" ? call.by : field === "country" ? call.country : call.tool)
}

export function keyOf(call: Asked, fields: readonly Field[]): string {
  return fields.map((field) => fieldOf(call, field)).join(" ")
}

/** A list has its members as values. */
export function membersOf(call: Asked, field: Field): readonly string[] {
  const value = field.startsWith("arguments.") ? call.values[field.slice("arguments.".length)] : undefined
  if (!Array.isArray(value)) return [fieldOf(call, field)]
  return [...new Set(value.map((each: unknown) => JSON.stringify(each)))]
}

/** In ten-thousandths. */
export function unitsOf(call: Asked): number {
  return Math.round(Number(call.values["amount"]) * 10_000)
}

/** Of each key its own. */
export class ByKey<Item> {
  readonly #items = new Map<string, Item>()
  readonly #make: () => Item

  constructor(make: () => Item) {
    this.#make = make
  }

  at(key: string): Item {
    let item = this.#items.get(key)
    if (item === undefined) this.#items.set(key, (item = this.#make()))
    return item
  }

  find(key: string): Item | undefined {
    return this.#items.get(key)
  }

  get all(): Iterable<Item> {
    return this.#items.values()
  }
}

/** The documented errors, smallest first: by which of them a denial is explained tells how far it is off. */
const SLACKS = [
  0,
  0.001,
  0.002,
  0.003,
  0.004,
  0.005,
  0.006,
  0.007,
  0.008,
  0.009,
  HUNDREDTH,
  0.02,
  0.04,
  0.06,
  SIXTEENTH,
]

/** @returns the least error that explains a denial; undefined if none does */
export function explainedBy(model: Model, call: ModelCall, now: number): number | undefined {
  if (!model.admits(call, now)) return 0
  return SLACKS.find((slack) => model.explains(call, now, slack))
}
