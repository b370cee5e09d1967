/** The values of one argument in the calls of a tool, summed up: enough to find a bound, however many calls there are. */
import { REDACTED } from "../../src/core/catalog/redaction.ts"

/** With more different values than this, a list of them is no bound. */
export const MOST_VALUES = 8
const CUT = /… \(\d{1,10} characters\)$/u

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
  /** Of the texts with an `@`: what follows the last one. */
  readonly domains = new Set<string>()
  readonly types = new Set<string>()

  add(value: unknown): void {
    this.count += 1
    const type = Number.isSafeInteger(value) ? "integer" : typeof value
    this.types.add(type)
    if (value === REDACTED || (typeof value === "string" && CUT.test(value))) this.isHidden = true
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
    const { prefix } = this
    if (prefix === null) this.prefix = text
    else if (!text.startsWith(prefix)) {
      let length = 0
      while (length < prefix.length && prefix[length] === text[length]) length += 1
      this.prefix = prefix.slice(0, length)
    }
    if (this.domains.size <= MOST_VALUES) this.domains.add(text.slice(text.lastIndexOf("@") + 1))
  }
}
