/** What an exporter remembers besides its position, which the log keeps: how it went, and what the sink will never get. */
import { LONGEST_HOLD_MS, pauseOf, retryAfterOf } from "../notifications/retry.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { Failed } from "./destinations/destination.ts"
import type { LostRange } from "./exporter-state.ts"
import { failureText } from "./destinations/failures.ts"

interface Remembered {
  /** `<stream>/<log>`: an alarm does not say whose it is. */
  readonly name: string | null
  /** The newest bundle that it was told of: an older one may not have the sink, or still have it. */
  readonly bundle: Pointer | null
  readonly succeededAt: number | null
  readonly failed: (Pick<Failed, "failure" | "status" | "detail"> & { readonly at: number }) | null
  /** Failures since the last success. */
  readonly inARow: number
  /** Milliseconds since the epoch, until when nothing is sent. */
  readonly holdUntil: number
  /** The position behind the batch that was sent last: if nobody knows whether it arrived, the same is sent again. */
  readonly planned: number | null
  /** Records of the newest checkpoint that the sink has. Null: it has just begun. */
  readonly witnessed: number | null
  /** Records that the sink takes at once, as it refused more. Null: as many as sinks.yaml says. */
  readonly most: number | null
  /** The newest of them. */
  readonly lost: readonly LostRange[]
  readonly lostRecords: number
  /** Until when calls are denied for it. 0: they go on. */
  readonly deniesUntil: number
}

const BEGINNING: Remembered = {
  name: null,
  bundle: null,
  succeededAt: null,
  failed: null,
  inARow: 0,
  holdUntil: 0,
  planned: null,
  witnessed: null,
  most: null,
  lost: [],
  lostRecords: 0,
  deniesUntil: 0,
}
const KEY = "exporter"
const MOST_LOST_RANGES = 32
/** Shorter than that of notices: records wait behind the failed request, and many sinks fail for a moment. */
const FIRST_PAUSE_MS = 250

export class ExporterMemory {
  readonly #storage: DurableObjectStorage
  #now: Remembered

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    this.#now = { ...BEGINNING, ...storage.kv.get<Remembered>(KEY) }
  }

  get now(): Remembered {
    return this.#now
  }

  keep(change: Partial<Remembered>): void {
    this.#now = { ...this.#now, ...change }
    this.#storage.kv.put(KEY, this.#now)
  }

  forget(): void {
    this.#now = BEGINNING
  }

  /**
   * The sink has acknowledged it.
   * @param most records that sinks.yaml allows at once
   */
  succeeded(most: number, witnessed: number | null, at: number): void {
    const now = this.#now.most === null ? null : this.#now.most * 2
    this.keep({
      succeededAt: at,
      inARow: 0,
      holdUntil: 0,
      planned: null,
      witnessed,
      most: now !== null && now < most ? now : null,
    })
  }

  /**
   * A pause is as long as the sink says. Otherwise the pauses grow, up to some minutes: nothing is given up, because the
   * log keeps what the sink lacks.
   */
  failed({ retryAfter, kind: _kind, ...failed }: Failed, at: number): void {
    const inARow = this.#now.inARow + 1
    const wait = retryAfterOf(retryAfter, at)
    const pause =
      wait === null
        ? Math.min(pauseOf(inARow, Math.random(), FIRST_PAUSE_MS), LONGEST_HOLD_MS)
        : Math.max(wait, FIRST_PAUSE_MS)
    this.keep({ failed: { at, ...failed }, inARow, holdUntil: at + pause })
  }

  /** An operator has everything sent from this position on: what is lost again is noted again. */
  backfilled(next: number): void {
    const lost = this.#now.lost.filter(({ from }) => from < next)
    const found = this.#now.lost.filter(({ from }) => from >= next).reduce((sum, { count }) => sum + count, 0)
    const witnessed = Math.min(this.#now.witnessed ?? next, next)
    this.keep({ holdUntil: 0, inARow: 0, planned: null, witnessed, lost, lostRecords: this.#now.lostRecords - found })
  }

  lose(lost: LostRange): void {
    this.keep({
      lost: [...this.#now.lost, lost].slice(-MOST_LOST_RANGES),
      lostRecords: this.#now.lostRecords + lost.count,
    })
  }

  /** In a sentence. */
  get says(): string | null {
    const { failed } = this.#now
    return failed && failureText(failed)
  }
}
