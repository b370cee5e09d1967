/**
 * An open loop: requests go out at times that were fixed beforehand, so many a second and evenly, whatever the answers
 * do. Latency counts from the time that a request was due, not from when it went out: a server that stops for a moment
 * is told of all that it kept waiting meanwhile, and not of the one request that happened to be under way (coordinated
 * omission).
 */
import { Connection } from "./connection.ts"
import type { OpenJob, SeenOpen } from "./load.ts"
import { quantile } from "./quantile.ts"
import type { PreparedRequest } from "./request.ts"

/** As many can be under way at once; whatever is due beyond waits for one of them, and its latency has that in it. */
const MOST_CONNECTIONS = 512
/** A timer may be late by so much, in milliseconds; what is due sooner is waited for awake. */
const TIMER_SLACK = 3

interface Due {
  readonly request: PreparedRequest
  /** By the clock of `performance.now`. */
  readonly at: number
}

export async function runOpen(job: OpenJob): Promise<SeenOpen> {
  const loop = new OpenLoop(job)
  await loop.connect()
  return loop.run()
}

class OpenLoop {
  readonly #job: OpenJob
  /** How many requests there will be. */
  readonly #total: number
  readonly #idle: Connection[] = []
  readonly #all: Connection[] = []
  /** Due, and without a connection. */
  readonly #waiting: Due[] = []
  readonly #underWay = new Map<Connection, number>()
  readonly #latencies: number[] = []
  readonly #delays: number[] = []
  readonly #failures: string[] = []
  #scheduled = 0
  #startedAt = 0
  #over: () => void = () => {}
  #connected: () => void = () => {}

  constructor(job: OpenJob) {
    this.#job = job
    this.#total = Math.floor((job.perSecond * job.milliseconds) / 1000)
  }

  /** Those that are nearly always enough stand before the first request is due. */
  async connect(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#connected = resolve
    for (let index = 0; index < this.#job.connections; index++) this.#open()
    await promise
    this.#connected = () => {}
  }

  async run(): Promise<SeenOpen> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#over = resolve
    this.#startedAt = performance.now()
    this.#tick()
    await promise
    for (const connection of this.#all) connection.end()
    const [latencies, delays] = [this.#latencies, this.#delays]
    const seconds = (performance.now() - this.#startedAt) / 1000
    return {
      answered: latencies.length,
      rate: latencies.length / seconds,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      p99Delay: quantile(delays, 0.99),
      failures: this.#failures,
    }
  }

  #tick(): void {
    if (this.#isOver()) return this.#over()
    const now = performance.now()
    while (this.#scheduled < this.#total && this.#dueAt(this.#scheduled) <= now) this.#send(this.#scheduled++, now)
    const wait = this.#scheduled < this.#total ? this.#dueAt(this.#scheduled) - now : TIMER_SLACK + 1
    if (wait > TIMER_SLACK) setTimeout(() => this.#tick(), wait - TIMER_SLACK)
    // Sockets are read in between.
    else setImmediate(() => this.#tick())
  }

  #dueAt(index: number): number {
    return this.#startedAt + (index * 1000) / this.#job.perSecond
  }

  #isOver(): boolean {
    return this.#failures.length > 0 || this.#latencies.length === this.#total
  }

  #send(index: number, now: number): void {
    const { requests } = this.#job
    const request = requests[index % requests.length]
    if (!request) return
    const due = { request, at: this.#dueAt(index) }
    // What the generator itself is late by.
    this.#delays.push(now - due.at)
    const connection = this.#idle.pop()
    if (connection) this.#ask(connection, due)
    else {
      this.#waiting.push(due)
      if (this.#all.length < MOST_CONNECTIONS) this.#open()
    }
  }

  #ask(connection: Connection, { request, at }: Due): void {
    this.#underWay.set(connection, at)
    connection.ask(request)
  }

  #open(): void {
    const free = (connection: Connection): void => {
      const due = this.#waiting.shift()
      if (due) this.#ask(connection, due)
      else this.#idle.push(connection)
    }
    const connection = new Connection(this.#job.port, {
      ready: (each) => {
        free(each)
        if (this.#idle.length === this.#job.connections) this.#connected()
      },
      answered: (each) => this.#latencies.push(performance.now() - (this.#underWay.get(each) ?? Number.NaN)),
      free,
      failed: (what) => {
        this.#failures.push(what)
        this.#connected()
      },
    })
    this.#all.push(connection)
  }
}
