/**
 * A closed loop: on each connection the next request goes out when the answer to the last is there. So a server is
 * asked as much as it bears, and a slow one is asked less: good for rates, of no use for tails.
 */
import { Connection } from "./connection.ts"
import type { ClosedJob, Seen } from "./load.ts"
import { quantile } from "./quantile.ts"

export async function runClosed({ port, requests, connections, milliseconds, answers }: ClosedJob): Promise<Seen> {
  const latencies: number[] = []
  const failures: string[] = []
  const startedAt = performance.now()
  const until = startedAt + milliseconds
  let asked = 0
  let answered = 0
  const next = () => {
    if (failures.length > 0 || asked >= answers || performance.now() >= until) return null
    return requests[asked++ % requests.length] ?? null
  }
  /** Resolves when the loop on one connection is over. */
  const loop = (): Promise<void> =>
    new Promise((resolve) => {
      let askedAt = 0
      const ask = (connection: Connection): void => {
        const request = next()
        if (!request) {
          connection.end()
          return resolve()
        }
        askedAt = performance.now()
        connection.ask(request)
      }
      void new Connection(port, {
        ready: ask,
        answered: () => {
          const now = performance.now()
          answered += 1
          // What comes in after the time is over still counts as answered, but is no part of the rate.
          if (now < until) latencies.push(now - askedAt)
        },
        free: ask,
        failed: (what) => {
          failures.push(what)
          resolve()
        },
      })
    })
  await Promise.all(Array.from({ length: connections }, loop))
  const seconds = Math.min(performance.now() - startedAt, milliseconds) / 1000
  return { answered, rate: latencies.length / seconds, p50: quantile(latencies, 0.5), failures }
}
