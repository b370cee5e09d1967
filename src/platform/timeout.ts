/** The one time limit for responses of other services, and of our own objects. */

/** The work has not ended in time; it may still end later. */
export class TimedOut extends Error {
  override readonly name = "TimedOut"
}

/**
 * @param what is waited for, for the log: the subject of "did not answer in time"
 * @throws TimedOut after `milliseconds`; whatever `work` throws
 */
export function within<Value>(work: Promise<Value>, milliseconds: number, what: string): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TimedOut(`${what} did not answer in time`)), milliseconds)
    work.then(
      (value) => {
        clearTimeout(timer)
        return resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        return reject(error)
      },
    )
  })
}
