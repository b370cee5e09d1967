/**
 * The sections of exports, from any files, log by log: one goes on where another ended. So an older export is not cut, but
 * between two nothing may be missing.
 */
import type { Report } from "./flaw.ts"

export interface Section {
  readonly log: string
  readonly from: number
  /** Behind its last record. */
  readonly end: number
  readonly file: string
  /** Of its header. */
  readonly line: number
}

export class Sections {
  readonly #all: Section[] = []

  add(section: Section): void {
    this.#all.push(section)
  }

  /** @param checkpoints how many records the largest of a log covers */
  compare(checkpoints: { largest(log: string): number }, report: Report): void {
    for (const [log, sections] of Map.groupBy(this.#all, (section) => section.log)) {
      const [first, ...others] = sections.toSorted((a, b) => a.from - b.from)
      if (!first) continue
      let last = first
      for (const section of others) {
        const { from, end, file, line } = section
        if (from > last.end) report("removed", file, line, `${rangeOf(last.end, from, log)}: missing before it`)
        if (end > last.end) last = section
      }
      const largest = checkpoints.largest(log)
      if (largest > last.end)
        report("cut", last.file, last.line, `${rangeOf(last.end, largest, log)}: a checkpoint covers them`)
    }
  }
}

const rangeOf = (from: number, to: number, log: string): string =>
  to - from === 1 ? `record ${from} of ${log}` : `records ${from} to ${to - 1} of ${log}`
