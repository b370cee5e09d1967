/** Numbers with one unit, up to the most and head-room. */
import { HEADROOM, withHeadroom } from "../headroom.ts"
import { isDefinition, isWithin, type LearnedMeaning, type Learner } from "./learner.ts"

const WRITTEN = /^(-?[\d.]+) ?([^\d\s.]\S*)$/

export class QuantityLearner implements Learner {
  #unit: string | null = null
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #isQuantity = true

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
  }

  get learned(): LearnedMeaning | null {
    const [min, max, unit] = [this.#min, this.#max, this.#unit]
    if (!this.#isQuantity || unit === null) return null
    const most = withHeadroom(max)
    const bound = {
      ...(min < 0 && { min: `${-withHeadroom(-min)} ${unit}` }),
      max: `${most} ${unit}`,
    }
    if (!isDefinition("quantity", bound)) return null
    return {
      bound: { quantity: bound },
      words: `was from ${min} to ${max} ${unit}; up to ${most} leaves ${HEADROOM * 100} % of head-room`,
      within: `${max} ${unit}`,
      outside: `${most + 1} ${unit}`,
    }
  }
}
