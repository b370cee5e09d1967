/**
 * Two ways to do the same in this very process, one after the other, round by round in alternating order. The ratio is
 * that of the medians over the rounds. Nothing is timed but loops long enough for the clock.
 */
import { guard, type SideFigures } from "./benchmark.ts"
import type { Lab } from "./lab.ts"

export interface Way {
  readonly name: string
  /** Does it once. @returns whether the answer was the expected one */
  readonly step: (turn: number) => boolean
}

export interface Race {
  readonly ratio: number
  readonly sides: readonly [SideFigures, SideFigures]
}

/** Between two looks at the clock. */
const BATCH = 100

export function race(lab: Lab, subject: Way, floor: Way): Race {
  const { rounds, round, warmUp } = lab.pace
  const rates = new Map<Way, number[]>([subject, floor].map((way) => [way, []]))
  for (const way of [subject, floor]) rateOf(way, warmUp)
  for (let number = 0; number < rounds; number++) {
    lab.say(`round ${number + 1} of ${rounds}`)
    for (const way of number % 2 === 0 ? [subject, floor] : [floor, subject]) rates.get(way)?.push(rateOf(way, round))
  }
  const figures = (way: Way): SideFigures => {
    const seen = (rates.get(way) ?? []).toSorted((a, b) => a - b)
    const median = seen[seen.length >> 1] ?? Number.NaN
    const rate = { median, least: seen[0] ?? Number.NaN, most: seen.at(-1) ?? Number.NaN }
    return { name: way.name, rate, p50: 1000 / median }
  }
  const sides = [figures(subject), figures(floor)] as const
  return { ratio: sides[0].rate.median / sides[1].rate.median, sides }
}

/** Steps a second. */
function rateOf({ name, step }: Way, milliseconds: number): number {
  const start = performance.now()
  let [steps, expected] = [0, 0]
  for (; performance.now() - start < milliseconds; steps += BATCH) {
    for (let turn = 0; turn < BATCH; turn++) if (step(steps + turn)) expected++
  }
  const rate = (steps * 1000) / (performance.now() - start)
  guard(expected === steps, `${name}: ${steps - expected} of ${steps} answers were not the expected ones`)
  return rate
}
