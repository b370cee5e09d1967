/** Which positions of each log the checked files have together: exports of one log follow one another, or overlap. */

/** Positions from `from` up to, and without, `to`. */
interface Part {
  readonly from: number
  readonly to: number
  readonly file: string
  readonly line: number
}

export class Coverage {
  readonly #parts = new Map<string, Part[]>()

  add(log: string, part: Part): void {
    const parts = this.#parts.get(log)
    const last = parts?.at(-1)
    if (!parts || !last) this.#parts.set(log, [part])
    // One after the other they are one: there is a checkpoint a minute, for years.
    else if (last.to === part.from) parts[parts.length - 1] = { ...part, from: last.from }
    else parts.push(part)
  }

  has(log: string): boolean {
    return this.#parts.has(log)
  }

  get logs(): readonly string[] {
    return [...this.#parts.keys()]
  }

  /** How many positions of a range no part has. */
  missingIn(log: string, from: number, to: number): number {
    return gapsIn(this.#ofLog(log), from, to).reduce((sum, gap) => sum + gap.to - gap.from, 0)
  }

  /** From the first position that there is. Each has the place of the part that ends before it. */
  gaps(log: string, to: number): readonly Part[] {
    return gapsIn(this.#ofLog(log), this.rangeOf(log).from, to)
  }

  rangeOf(log: string): { readonly from: number; readonly to: number } {
    const whole = { from: Infinity, to: -Infinity }
    for (const { from, to } of this.#ofLog(log)) {
      whole.from = Math.min(whole.from, from)
      whole.to = Math.max(whole.to, to)
    }
    return whole
  }

  #ofLog(log: string): readonly Part[] {
    return this.#parts.get(log) ?? []
  }
}

function gapsIn(parts: readonly Part[], from: number, to: number): readonly Part[] {
  const gaps: Part[] = []
  const sorted = parts.toSorted((one, other) => one.from - other.from)
  let [next, file, line] = [from, sorted[0]?.file ?? "", sorted[0]?.line ?? 0]
  for (const part of sorted) {
    if (part.from > next && next < to) gaps.push({ from: next, to: Math.min(part.from, to), file, line })
    if (part.to > next) ({ to: next, file, line } = part)
  }
  if (next < to) gaps.push({ from: next, to, file, line })
  return gaps
}
