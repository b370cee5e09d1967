/** Who calls what and when: by chance from a seed, so that a simulation and a measured run have the same calls. */
export const CALL_KINDS = ["read", "write", "list", "denied", "out_of_scope"] as const
export type CallKind = (typeof CALL_KINDS)[number]

export interface PlannedCall {
  /** Milliseconds since the beginning. */
  readonly at: number
  readonly kind: CallKind
}

/** One piece of work of an agent: a token, and the calls with it. */
export interface PlannedTask {
  readonly at: number
  /** When its task, or the session behind it, expires. */
  readonly until: number
  readonly user: string
  readonly agent: string
  /** When its token is renewed. */
  readonly renewedAt: readonly number[]
  readonly calls: readonly PlannedCall[]
}

/** The share of each kind; reads are the rest. */
export type Mix = Readonly<Record<Exclude<CallKind, "read">, number>>

export interface TaskShape {
  readonly calls: number
  /** Seconds between two calls, on average. */
  readonly gap: number
  /** Seconds until the task expires. */
  readonly life: number
  /** Seconds for which a token lives. */
  readonly token_life: number
  readonly mix: Mix
}

/** A time between two events that come by chance, so many milliseconds apart on average. */
export const pauseOf = (random: () => number, mean: number): number => -Math.log(1 - random()) * mean

export function planTask(
  at: number,
  actors: Pick<PlannedTask, "user" | "agent">,
  shape: TaskShape,
  random: () => number,
): PlannedTask {
  const calls: PlannedCall[] = []
  for (let index = 0, time = at; index < shape.calls; index++) {
    time += pauseOf(random, shape.gap * 1000)
    calls.push({ at: Math.round(time), kind: kindOf(random(), shape.mix) })
  }
  const [begin, life, tokenLife] = [Math.round(at), shape.life * 1000, shape.token_life * 1000]
  const last = calls.at(-1)?.at ?? begin
  const renewedAt = Array.from(
    { length: Math.floor((last - begin) / tokenLife) },
    (_, index) => begin + (index + 1) * tokenLife,
  )
  return { at: begin, until: begin + life, ...actors, renewedAt, calls }
}

function kindOf(chance: number, mix: Mix): CallKind {
  let sum = 0
  for (const kind of CALL_KINDS) {
    if (kind === "read") continue
    sum += mix[kind]
    if (chance < sum) return kind
  }
  return "read"
}

/** The same task, with the calls after the end of a period moved to its beginning: each period is then like any other. */
export function wrapTask(task: PlannedTask, period: number): PlannedTask {
  return {
    ...task,
    renewedAt: task.renewedAt.map((at) => at % period),
    calls: task.calls.map(({ at, kind }) => ({ at: at % period, kind })),
  }
}
