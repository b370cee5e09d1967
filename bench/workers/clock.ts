/**
 * A clock that stands still between two steps, in place of the platform's: whatever is scheduled comes when its time
 * comes, and hours pass in a second. It must be imported before anything that reads the time.
 *
 * Until it is stopped it is the platform's own.
 */
const { now: realNow } = Date
const realTimeout = globalThis.setTimeout

/** Milliseconds since the epoch; null while time passes by itself. */
let stoppedAt: number | null = null

/** Milliseconds between two looks of a timer whether its time has come: a timer must end in the request that set it. */
const LOOK_EVERY_MS = 3

/**
 * So short a timer is a look whether something else is done, which goes on while the clock stands still, and it runs by
 * the platform's clock: nothing would end a request that waits in this way.
 */
const LOOK_WITHIN_MS = 25

interface Timer {
  readonly due: number
  readonly isLook: boolean
  /** What set it, as `owner` says. */
  readonly owner: object | null
  ended: (at: number) => void
}

const timers = new Map<number, Timer>()
let made = 0
let ownerNow = (): object | null => null
let onTimer = (_owner: object, _from: number, _until: number): void => {}

export const now = (): number => stoppedAt ?? realNow()

class SteppedDate extends Date {
  constructor(...args: [] | [number | string]) {
    if (args.length === 0) super(now())
    else super(...args)
  }
  static override now = now
}

function setTimer(callback: (...args: unknown[]) => void, milliseconds = 0, ...args: unknown[]): number {
  const handle = ++made
  const [from, owner] = [now(), ownerNow()]
  const [due, isLook] = [from + milliseconds, milliseconds <= LOOK_WITHIN_MS]
  const ended = (at: number): void => {
    timers.delete(handle)
    if (owner) onTimer(owner, from, at)
  }
  timers.set(handle, { due, isLook, owner, ended })
  const look = (): void => {
    if (!timers.has(handle)) return
    if (due > now() && !isLook) return void realTimeout(look, LOOK_EVERY_MS)
    ended(Math.min(due, now()))
    callback(...args)
  }
  realTimeout(look, isLook ? milliseconds : LOOK_EVERY_MS)
  return handle
}

function clearTimer(handle: number | null | undefined): void {
  if (typeof handle === "number") timers.get(handle)?.ended(now())
}

Object.assign(globalThis, { Date: SteppedDate, setTimeout: setTimer, clearTimeout: clearTimer })

/**
 * @param owner for whom a timer is set now; null: nobody who is asked about
 * @param waited is told how long each owner's timer ran
 */
export function watchTimers(owner: typeof ownerNow, waited: typeof onTimer): void {
  ;[ownerNow, onTimer] = [owner, waited]
}

export function stopClock(): void {
  stoppedAt ??= realNow()
}

export function setClock(at: number): void {
  stoppedAt = Math.max(now(), at)
}

/** Of the next timer; Infinity: there is none. */
export function nextTimer(): number {
  return Math.min(...timers.values().map(({ due }) => due))
}

export function hasTimer(owner: object): boolean {
  return timers.values().some((timer) => timer.owner === owner)
}

/** Whether one is due that has not ended yet. */
export function isTimerDue(): boolean {
  return timers.values().some(({ due, isLook }) => isLook || due <= now())
}

/** Those that are overdue and have not been looked at: the request that set them is over. */
export function forgetDeadTimers(): void {
  for (const timer of timers.values()) if (timer.isLook || timer.due <= now()) timer.ended(timer.due)
}

/** Milliseconds of real time. */
export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => realTimeout(resolve, milliseconds))
