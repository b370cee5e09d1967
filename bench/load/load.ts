/**
 * The load generator's other side: a bounded closed loop in a thread of its own. One tool everywhere, so that figures
 * of two machines differ by the machines.
 */
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import type { PreparedRequest } from "./request.ts"

export interface Job {
  readonly port: number
  /** Asked in turn. */
  readonly requests: readonly PreparedRequest[]
  readonly connections: number
  /** No request is sent after this long … */
  readonly milliseconds: number
  /** … or after this many. */
  readonly answers: number
}

export interface Seen {
  readonly answered: number
  /** Answers a second within the time. */
  readonly rate: number
  /** Milliseconds; half the answers within the time came sooner. */
  readonly p50: number
  /** Wrong answers and broken connections: the first ends the job. */
  readonly failures: readonly string[]
}

/** A server that stops answering must not stop the bench. */
const GRACE_MS = 10_000

export class Load implements AsyncDisposable {
  readonly #thread = new Worker(new URL("./generator.ts", import.meta.url))

  /** Throws where the server does not answer in time. */
  async run(job: Job): Promise<Seen> {
    this.#thread.postMessage(job)
    const signal = AbortSignal.timeout(job.milliseconds + GRACE_MS)
    const [seen]: Seen[] = await once(this.#thread, "message", { signal })
    if (!seen) throw new Error("the load generator said nothing")
    return seen
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate()
  }
}
