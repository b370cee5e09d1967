/** The values of one argument in the calls of a tool, summed up: enough to find a bound, however many calls there are. */
import { REDACTED } from "../../src/core/catalog/redaction.ts"
import { CUT_MARK } from "../../src/core/record/fields/truncation.ts"
import { startLearning } from "./meanings/meanings.ts"
import { MOST_VALUES } from "./most-values.ts"

export class ArgumentValues {
  /** Calls that had it. */
  count = 0
  /** Some value is redacted or cut: nothing is said of it. */
  isHidden = false
  /** Each value with how many calls had it, up to one more than are listed. */
  readonly values = new Map<string | number | boolean, number>()
  /** Calls before the newest value was first seen. */
  settledAfter = 0
  /** Of the numbers. */
  min = Number.POSITIVE_INFINITY
  max = Number.NEGATIVE_INFINITY
  /** What all texts begin with. Null: there was none. */
  prefix: string | null = null
  /** Some text has two dots in a row. */
  hasDots = false
  readonly types = new Set<string>()
  /** What the texts mean, and those in lists. */
  readonly meanings = startLearning()
  /** Some value is neither a text nor a list of some. */
  isOther = false

  /** @param at when the call was made, milliseconds since the epoch */
  add(value: unknown, at: number): void {
    this.count += 1
    this.types.add(typeOf(value))
    if (value === REDACTED || (typeof value === "string" && CUT_MARK.test(value))) this.isHidden = true
    const items: readonly unknown[] = Array.isArray(value) ? value : [value]
    const texts = items.filter((item) => typeof item === "string")
    this.isOther ||= texts.length === 0 || texts.length < items.length
    for (const text of texts) for (const learner of Object.values(this.meanings)) learner.add(text, at)
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return
    if (this.values.size <= MOST_VALUES) {
      const before = this.values.get(value)
      if (before === undefined) this.settledAfter = this.count
      this.values.set(value, (before ?? 0) + 1)
    }
    if (typeof value === "number") {
      this.min = Math.min(this.min, value)
      this.max = Math.max(this.max, value)
    }
    if (typeof value === "string") this.#addText(value)
  }

  #addText(text: string): void {
    this.hasDots ||= text.includes("..")
    const { prefix } = this
    if (prefix === null) this.prefix = text
    else if (!text.startsWith(prefix)) {
      let length = 0
      while (length < prefix.length && prefix[length] === text[length]) length += 1
      this.prefix = prefix.slice(0, length)
    }
  }
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "list"
  return Number.isSafeInteger(value) ? "integer" : typeof value
}
