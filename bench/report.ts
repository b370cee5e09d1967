/** What the bench says: a table for people, an array of objects for programs. */
import { colors } from "../cli/terminal/colors.ts"
import type { Benchmark, Measured } from "./benchmark.ts"

export interface Result extends Measured {
  readonly benchmark: Benchmark
}

/** Whether there are figures: a side without answers has a rate of zero, or none at all. */
export function isMeasured({ value, sides }: Measured): boolean {
  const figures = [
    value,
    ...sides.flatMap(({ rate, p50, cpu = p50 }) => [rate.median, rate.least, rate.most, p50, cpu]),
  ]
  return sides.length > 0 && figures.every((figure) => Number.isFinite(figure) && figure > 0)
}

/** Null where nothing is asked of the value. */
export function isMet({ benchmark, value }: Result): boolean | null {
  return benchmark.target === null ? null : value >= benchmark.target
}

export function asJson(results: readonly Result[]): string {
  const objects = results.map((result) => {
    const { name, unit, target } = result.benchmark
    return { name, value: Number(result.value.toFixed(3)), unit, target, met: isMet(result) }
  })
  return JSON.stringify(objects, null, 2)
}

export function asTable(results: readonly Result[]): string {
  const { bold, dim, green, red } = colors
  const lines = results.flatMap((result) => {
    const { benchmark, value, sides } = result
    const met = isMet(result)
    const verdict =
      met === null ? dim("no target") : (met ? green : red)(`${met ? "met" : "missed"}, target ${benchmark.target}`)
    return [
      `${bold(benchmark.name.padEnd(26))}${value.toFixed(2).padStart(6)} ${benchmark.unit}  ${verdict}`,
      dim(`  ${benchmark.question}`),
      ...sides.map(({ name, rate, cpu, p50, p99 }) => {
        const range = `${count(rate.least)}–${count(rate.most)}`
        const processor = cpu === undefined ? "" : `  CPU ${cpu.toFixed(0)} µs`
        const tail = p99 === undefined ? "" : `  p99 ${p99.toFixed(2)} ms`
        return `  ${name.padEnd(24)}${count(rate.median).padStart(7)}/s  ${dim(range.padEnd(15))} p50 ${p50.toFixed(2)} ms${tail}${processor}`
      }),
      "",
    ]
  })
  return lines.join("\n")
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en-US")
}
