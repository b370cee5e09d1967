/** Numbers with one unit, up to the most and head-room. */
import { HEADROOM, withHeadroom } from "../headroom.ts"
import { isDefinition, isWithin, type LearnedMeaning, type Learner } from "./learner.ts"

const WRITTEN = /^(-?[\d.]+) ?([^\d\s.]\S*)$/

export class QuantityLearner implements Learner {
  #unit: string | null = null
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #isQuantity = true
  /** The most digits behind the point. */
  #decimals = 0

  add(text: string): void {
    const [, number = "", unit = ""] = WRITTEN.exec(text) ?? []
    const written = `${number} ${unit}`
    this.#isQuantity &&=
      unit === (this.#unit ?? unit) &&
      isDefinition("quantity", { max: written }) &&
      isWithin({ quantity: { min: written, max: written } }, text)
    this.#unit = unit
    this.#min = Math.min(this.#min, Number(number))
    this.#max = Math.max(this.#max, Number(number))
    this.#decimals = Math.max(this.#decimals, number.split(".")[1]?.length ?? 0)
  }

  get learned(): LearnedMeaning | null {
    const [min, max, unit] = [this.#min, this.#max, this.#unit]
    if (!this.#isQuantity || unit === null) return null
    const most = this.#beyond(max)
    const bound = {
      ...(min < 0 && { min: `${-this.#beyond(-min)} ${unit}` }),
      max: `${most} ${unit}`,
    }
    if (!isDefinition("quantity", bound)) return null
    return {
      bound: { quantity: bound },
      words: `was from ${min} to ${max} ${unit}; up to ${most} leaves ${HEADROOM * 100} % of head-room`,
      within: `${max} ${unit}`,
      outside: `${Math.ceil(most) + 1} ${unit}`,
    }
  }

  /** In the smallest step that was written: a whole more would be a thousand times 0.001. */
  #beyond(value: number): number {
    const steps = 10 ** this.#decimals
    return withHeadroom(Math.round(value * steps)) / steps
  }
}
