/**
 * Which key of the ring signs, which are published, and when that changes: a function of the times at which the keys
 * were made. A key is published well before it signs, so that everyone who caches the set knows it by then. It stays
 * until the last token that it signed has expired. Pure: the ring stores the keys, gives the time, and makes a new key
 * when due.
 */

export interface RingKey {
  readonly kid: string
  /** Milliseconds since the epoch. */
  readonly madeAt: number
}

const MINUTE_MS = 60_000
/** A key signs for this long. */
export const ROTATE_AFTER_MS = 30 * 24 * 60 * MINUTE_MS
/**
 * Published this long before it signs: three times as long as a key set is cached, here and by others (five minutes).
 */
export const AHEAD_MS = 15 * MINUTE_MS
/**
 * Kept this long after its successor signs: a token's longest life (15 minutes), and the time for which an isolate may
 * cache the old key.
 */
export const OVERLAP_MS = 30 * MINUTE_MS

export interface Schedule<Key> {
  /** Null if the ring is empty. */
  readonly signing: Key | null
  /** Still published, newest first. */
  readonly retained: readonly Key[]
  readonly dropped: readonly Key[]
  /** A new key is due. */
  readonly makes: boolean
  /** Milliseconds since the epoch; nothing changes before. */
  readonly nextAt: number
}

/** @param now milliseconds */
export function scheduleOf<Key extends RingKey>(keys: readonly Key[], now: number): Schedule<Key> {
  const newestFirst = keys.toSorted((a, b) => b.madeAt - a.madeAt)
  const [newest] = newestFirst
  const oldest = newestFirst.at(-1)
  if (!newest || !oldest) return { signing: null, retained: [], dropped: [], makes: true, nextAt: now }
  // The first key of a ring signs at once: nobody can have cached a set without it.
  const signing = newestFirst.find(({ madeAt }) => madeAt + AHEAD_MS <= now) ?? oldest
  const dropsAt = (key: Key): number => {
    const successor = newestFirst[newestFirst.indexOf(key) - 1]
    return successor ? successor.madeAt + AHEAD_MS + OVERLAP_MS : Number.POSITIVE_INFINITY
  }
  const isKept = (key: Key): boolean => key === signing || now < dropsAt(key)
  const makesAt = newest.madeAt + ROTATE_AFTER_MS - AHEAD_MS
  const later = [makesAt, newest.madeAt + AHEAD_MS, ...newestFirst.map(dropsAt)].filter((time) => time > now)
  return {
    signing,
    retained: newestFirst.filter(isKept),
    dropped: newestFirst.filter((key) => !isKept(key)),
    makes: makesAt <= now,
    nextAt: Math.min(...later),
  }
}
