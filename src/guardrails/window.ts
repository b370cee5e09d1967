/**
 * Exact sliding window: at most `limit` admissions in any span of `seconds`. Two admissions that are exactly `seconds`
 * apart do not share a span. Pure: the ledger gives the time, keeps the state and makes it durable.
 */

export interface WindowDefinition {
  readonly id: string
  /** Tool patterns that it limits; the tools share one count. */
  readonly tools: readonly string[]
  /** Who shares one count, inside the tree. */
  readonly per: "task" | "tree"
  /** At most this many admissions … */
  readonly limit: number
  /** … in any span of this many seconds. */
  readonly seconds: number
}

export interface WindowUse {
  readonly window: string
  readonly limit: number
  readonly seconds: number
  /** Admissions in the span that ends now, this call not counted. */
  readonly used: number
  /** Milliseconds until one more is possible; 0 where it is now. */
  readonly waits: number
}

export function windowKey(definition: WindowDefinition, task: string): string {
  return definition.per === "task" ? `${definition.id}|${task}` : definition.id
}

/**
 * Admissions of one window, oldest first; those of one millisecond are one entry. Each costs amortised constant time.
 */
export class AdmissionLog {
  #entries: { readonly at: number; count: number }[] = []
  /** Entries before it have left every span that can still be asked about. */
  #head = 0
  #total = 0

  /** @param now milliseconds; never smaller than an earlier call's */
  use(definition: WindowDefinition, now: number): WindowUse {
    const { id: window, limit, seconds } = definition
    // Time never runs backwards, so an entry that has left the span is gone for good: dropping it changes no answer.
    this.#forget(now - seconds * 1000)
    const oldest = this.#entries[this.#head]
    const waits = this.#total < limit || !oldest ? 0 : oldest.at + seconds * 1000 - now
    return { window, limit, seconds, used: this.#total, waits }
  }

  /** As `use`, and forgets nothing: whoever asks about a shorter span than others do must not shorten theirs. */
  peek(definition: WindowDefinition, now: number): WindowUse {
    const { id: window, limit, seconds } = definition
    let index = this.#head
    let used = this.#total
    for (let entry = this.#entries[index]; entry && entry.at <= now - seconds * 1000; entry = this.#entries[++index]) {
      used -= entry.count
    }
    const oldest = this.#entries[index]
    return { window, limit, seconds, used, waits: used < limit || !oldest ? 0 : oldest.at + seconds * 1000 - now }
  }

  /** @param now milliseconds; never smaller than an earlier call's */
  admit(now: number, count = 1): void {
    const last = this.#entries.at(-1)
    if (last?.at === now) last.count += count
    else this.#entries.push({ at: now, count })
    this.#total += count
  }

  #forget(until: number): void {
    let entry = this.#entries[this.#head]
    while (entry && entry.at <= until) {
      this.#total -= entry.count
      entry = this.#entries[++this.#head]
    }
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
  }
}
