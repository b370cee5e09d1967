/**
 * When a batch that an isolate collects is sent: by a caller that adds to it while no sending is due. The caller that
 * was to send may have been cut off, with its timer, or the clock may have been set back; neither holds the batch for
 * ever.
 */
export class Pace {
  readonly every: number
  #dueAt = 0

  /** @param every milliseconds */
  constructor(every: number) {
    this.every = every
  }

  /** True for the one caller that is to send, `every` milliseconds from now. */
  take(now: number): boolean {
    const isTaken = now < this.#dueAt + this.every && now > this.#dueAt - 2 * this.every
    if (!isTaken) this.#dueAt = now + this.every
    return !isTaken
  }

  sent(): void {
    this.#dueAt = 0
  }
}
