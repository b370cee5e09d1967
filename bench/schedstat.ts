/**
 * Processor time by the scheduler's own count, which other work on the machine lengthens far less than it does wall
 * time. Linux only.
 */
import { readdirSync, readFileSync } from "node:fs"

/** Nanoseconds that all threads of a process have run, to the last time that each was put aside. */
export function processorTime(pid: number): number {
  let sum = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) sum += timeOf(`/proc/${pid}/task/${thread}/schedstat`)
  return sum
}

/** A thread may have ended since it was listed. */
function timeOf(path: string): number {
  try {
    return Number(readFileSync(path, "utf8").split(" ")[0])
  } catch {
    return 0
  }
}

/** The mean of the lowest quarter: other work only ever adds to a figure. */
export function lowestQuarter(values: readonly number[]): number {
  const lowest = values.toSorted((a, b) => a - b).slice(0, Math.max(1, Math.round(values.length / 4)))
  return lowest.reduce((sum, value) => sum + value, 0) / lowest.length
}
