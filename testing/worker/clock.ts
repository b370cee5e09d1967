/**
 * The clock of the test build: everything in its isolate that reads or waits for time goes by it. It runs as the real one
 * does, ahead of it by as much as tests have advanced it, and never goes back. Loaded before any module of the Worker.
 */
const realNow = Date.now.bind(Date)
const realSetTimeout = setTimeout
const realClearTimeout = clearTimeout

/** Milliseconds. */
let ahead = 0

export const now = (): number => realNow() + ahead

/** When the runtime's own clock has it, which tests do not advance. */
export const realTimeOf = (time: number): number => time - ahead

export function moveTo(time: number): void {
  ahead = Math.max(ahead, time - realNow())
}

export async function realDelay(milliseconds: number): Promise<void> {
  await new Promise<void>((resolve) => void realSetTimeout(resolve, milliseconds))
}

interface Timer {
  readonly at: number
  readonly ended: PromiseWithResolvers<void>
  real: ReturnType<typeof setTimeout> | undefined
  /** The clock has moved: how long it still has to wait is another time. */
  moved: PromiseWithResolvers<void>
}

const timers = new Map<number, Timer>()
let lastTimer = 0

/**
 * A timer belongs to the request that set it, and no other request may call its callback. So who moves the clock only
 * resolves a promise, whose continuation runs where it was awaited.
 */
function setDrivenTimeout<Args extends unknown[]>(
  callback: (...args: Args) => void,
  milliseconds = 0,
  ...args: Args
): number {
  const id = ++lastTimer
  const timer: Timer = {
    at: now() + Math.max(0, milliseconds),
    ended: Promise.withResolvers(),
    real: undefined,
    moved: Promise.withResolvers(),
  }
  const fire = (): void => {
    timers.delete(id)
    timer.ended.resolve()
    callback(...args)
  }
  const arm = (): void => {
    timer.real = realSetTimeout(fire, Math.max(0, timer.at - now()))
    timer.moved = Promise.withResolvers()
    void rearm(timer.moved.promise)
  }
  const rearm = async (moved: Promise<void>): Promise<void> => {
    await moved
    if (!timers.has(id)) return
    realClearTimeout(timer.real)
    arm()
  }
  timers.set(id, timer)
  arm()
  return id
}

function clearDrivenTimeout(id: number | null | undefined): void {
  const timer = timers.get(id ?? 0)
  if (!timer) return
  timers.delete(id ?? 0)
  timer.ended.resolve()
  realClearTimeout(timer.real)
}

/** That of a request that has ended never fires. */
const FIRES_WITHIN_MS = 50

/** The moment of the next timer. Infinity if there is none. */
export function nextTimerAt(): number {
  return Math.min(Number.POSITIVE_INFINITY, ...Array.from(timers.values(), ({ at }) => at))
}

/** Lets every timer see that the clock has moved, and waits for those that are due. */
export async function fireTimers(): Promise<void> {
  const due = [...timers].filter(([, { at }]) => at <= now())
  for (const { moved } of timers.values()) moved.resolve()
  await Promise.race([Promise.all(due.map(async ([, { ended }]) => ended.promise)), realDelay(FIRES_WITHIN_MS)])
  for (const [id] of due) timers.delete(id)
}

const RealDate = Date
Object.assign(globalThis, {
  Date: new Proxy(RealDate, {
    construct: (target, args: unknown[], newTarget: typeof Date): object =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, name): unknown => (name === "now" ? now : Reflect.get(target, name)),
  }),
  setTimeout: setDrivenTimeout,
  clearTimeout: clearDrivenTimeout,
})
scheduler.wait = async (delay) => new Promise<void>((resolve) => void setDrivenTimeout(resolve, delay))
