/** The one time limit for responses of other services, and of our own objects. */

/** The work has not ended in time; it may still end later. */
export class TimedOut extends Error {
  override readonly name = "TimedOut"
}

/**
 * @param what is waited for, for the log: the subject of "did not answer in time"
 * @throws TimedOut after `milliseconds`; whatever `work` throws
 */
export async function within<Value>(work: Promise<Value>, milliseconds: number, what: string): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimedOut(`${what} did not answer in time`)), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
