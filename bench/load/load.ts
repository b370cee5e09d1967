/**
 * The load generator's other side: a closed or an open loop in a thread of its own. One tool everywhere, so that
 * figures of two machines differ by the machines.
 */
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import type { PreparedRequest } from "./request.ts"

interface Target {
  readonly port: number
  /** Asked in turn. */
  readonly requests: readonly PreparedRequest[]
  /** No request is sent after this long. */
  readonly milliseconds: number
  /** Of an open loop those that stand at the beginning. */
  readonly connections: number
}

export interface ClosedJob extends Target {
  readonly loop: "closed"
  /** No request is sent after so many either. */
  readonly answers: number
}

export interface OpenJob extends Target {
  readonly loop: "open"
  /** Requests. */
  readonly perSecond: number
}

export type Job = ClosedJob | OpenJob

export interface Seen {
  readonly answered: number
  /** Answers a second within the time. */
  readonly rate: number
  /** Milliseconds; half the answers within the time came sooner. */
  readonly p50: number
  /** Wrong answers and broken connections: the first ends the job. */
  readonly failures: readonly string[]
}

/** Milliseconds count from when a request was due. */
export interface SeenOpen extends Seen {
  readonly p99: number
  /** By how much the generator itself was late. */
  readonly p99Delay: number
}

/** A server that stops answering must not stop the bench. */
const GRACE_MS = 10_000

export class Load implements AsyncDisposable {
  readonly #thread = new Worker(new URL("./generator.ts", import.meta.url))

  /** Each connection asks again as soon as it is answered. Throws where the server does not answer in time. */
  async run(job: Omit<ClosedJob, "loop">): Promise<Seen> {
    return this.#put<Seen>({ ...job, loop: "closed" })
  }

  /** So many requests a second, whatever the answers do. Throws the same. */
  async runOpen(job: Omit<OpenJob, "loop">): Promise<SeenOpen> {
    return this.#put<SeenOpen>({ ...job, loop: "open" })
  }

  async #put<Answer extends Seen>(job: Job): Promise<Answer> {
    this.#thread.postMessage(job)
    const signal = AbortSignal.timeout(job.milliseconds + GRACE_MS)
    const [seen]: Answer[] = await once(this.#thread, "message", { signal })
    if (!seen) throw new Error("the load generator said nothing")
    return seen
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate()
  }
}
