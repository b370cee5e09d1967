/** Dates, by their distance from the day of the call: a fixed range of what was used would be over tomorrow. */
import { START } from "../../decision-tables/run.ts"
import { HEADROOM, withHeadroom } from "../headroom.ts"
import { isWithin, type LearnedMeaning, type Learner } from "./learner.ts"

const DAY = 86_400_000
/** Beyond it a date is rather of a birth or of a contract than of work. */
const MOST_DAYS = 3_650

export class DateLearner implements Learner {
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  #isDate = true

  add(text: string, at: number): void {
    this.#isDate &&= isWithin({ date: { from: "0001-01-01" } }, text)
    if (!this.#isDate) return
    const days = Math.floor(Date.parse(text) / DAY) - Math.floor(at / DAY)
    this.#min = Math.min(this.#min, days)
    this.#max = Math.max(this.#max, days)
  }

  get learned(): LearnedMeaning | null {
    const [min, max] = [this.#min, this.#max]
    if (!this.#isDate || min < -MOST_DAYS || max > MOST_DAYS || min > max) return null
    const [first, last] = [min >= 0 ? 0 : -withHeadroom(-min), max <= 0 ? 0 : withHeadroom(max)]
    const date = { from: relative(first), to: relative(last) }
    return {
      bound: { date },
      words: `was ${distance(min)} to ${distance(max)} when it was sent; counted from each call's day, because a fixed range would be over soon, with ${HEADROOM * 100} % of head-room`,
      within: dayFromStart(max),
      outside: dayFromStart(last + 1),
    }
  }
}

const relative = (days: number): string => (days === 0 ? "today" : `today${days < 0 ? "" : "+"}${days}d`)
const distance = (days: number): string =>
  days === 0
    ? "of the same day"
    : `${Math.abs(days)} ${Math.abs(days) === 1 ? "day" : "days"} ${days < 0 ? "old" : "ahead"}`
/** Decision tables decide on one day. */
const dayFromStart = (days: number): string => new Date(START + days * DAY).toISOString().slice(0, 10)
