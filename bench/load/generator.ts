/** Thread of the load generator: takes one job at a time and answers with what it saw. */
import { parentPort } from "node:worker_threads"
import { runConnection } from "./connection.ts"
import type { Job, Seen } from "./load.ts"

parentPort?.on("message", (job: Job) => {
  void run(job).then((seen) => parentPort?.postMessage(seen))
})

async function run({ port, requests, connections, milliseconds, answers }: Job): Promise<Seen> {
  const latencies: number[] = []
  const failures: string[] = []
  const startedAt = performance.now()
  const until = startedAt + milliseconds
  let asked = 0
  let answered = 0
  const loop = {
    next() {
      if (failures.length > 0 || asked >= answers || performance.now() >= until) return null
      return requests[asked++ % requests.length] ?? null
    },
    answered(latency: number) {
      answered += 1
      // What comes in after the time is over still counts as answered, but is no part of the rate.
      if (performance.now() < until) latencies.push(latency)
    },
    failed(what: string) {
      failures.push(what)
    },
  }
  await Promise.all(Array.from({ length: connections }, () => runConnection(port, loop)))
  const seconds = Math.min(performance.now() - startedAt, milliseconds) / 1000
  latencies.sort((a, b) => a - b)
  const p50 = latencies[Math.floor(latencies.length / 2)] ?? Number.NaN
  return { answered, rate: latencies.length / seconds, p50, failures }
}
