/**
 * Sends the records of one log to one sink, as one signal: a Durable Object for each, so that a slow sink occupies neither
 * the log nor another sink. It works by its alarm alone: it reads the log from the position that the sink has acknowledged, writes
 * the records in the sink's format, sends them, and acknowledges. So records go in their order, at least once; a receiver
 * leaves out what it has by log and index, or by the record's id. The log is the buffer: nothing is copied here.
 */
import { StoredObject } from "../platform/storage/stored-object.ts"
import type { LogPage } from "../audit/log-page.ts"
import { requireOwner } from "../bundles/ownership.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { logEvent } from "../platform/log.ts"
import { requestContext, type RequestContext } from "../request-context.ts"
import { bundleOfSinks } from "./bundle-of-sinks.ts"
import { batchOf } from "./batches.ts"
import { failed, type Failed, type Sent } from "./destinations/destination.ts"
import { send } from "./destinations/destinations.ts"
import { ExporterMemory } from "./exporter-memory.ts"
import type { ExporterState } from "./exporter-state.ts"
import { exporterName } from "./exporter-stub.ts"
import type { Batch } from "./formats/format.ts"
import { formatOf } from "./formats/formats.ts"
import { lagOf } from "./lag.ts"
import { parcelOf } from "./parcel.ts"
import { denyWhileFull, LOOK_AGAIN_AT_FULL_MS } from "./room.ts"
import { hasCalls, streamIn, type Stream } from "./streams.ts"

/** Requests to the sink in one alarm: on the free plan an invocation may make fifty. The next alarm goes on. */
const MOST_SENDS = 40
const LOOK_AGAIN_MS = 5_000
/** The next records may have more short members, whose names a format repeats. */
const GROWTH_MARGIN = 1.05

interface Done {
  /** Up to its `next`, and with its checkpoints, the sink now is. */
  readonly batch: Batch
  /** `skipped`: the sink takes none of them. Otherwise how many it does not get, why, and whether it took the others. */
  readonly how: "sent" | "skipped" | { readonly count: number; readonly why: string; readonly isSent: boolean }
}

/** What became of the next records: they are done, or wait. */
type Step = Done | { readonly waitsUntil: number }

export class Exporter extends StoredObject {
  readonly #memory: ExporterMemory
  /** Of a batch on its way: what comes back must not move the position that an operator has set meanwhile. */
  #backfills = 0
  /** Requests to the sink in this alarm. */
  #sends = 0
  /** Bytes that the format made of a character of the last records: one batch after the other is as long as the sink takes. */
  #growth = 1

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "Exporter")
    this.#memory = new ExporterMemory(ctx.storage)
  }

  /** This bundle names the sink. May be repeated. */
  async follow(bundle: Pointer): Promise<void> {
    const { next } = await this.#log().subscribe(this.#own().stream, "now")
    if (this.#memory.now.witnessed === null) this.#memory.keep({ witnessed: next })
    await this.heed(bundle)
  }

  /** There is this bundle: it may name the sink, or not any more. */
  async heed(bundle: Pointer): Promise<void> {
    if (bundle.seq > (this.#memory.now.bundle?.seq ?? 0)) this.#memory.keep({ bundle })
    await this.wake()
  }

  /** There is something to read. */
  async wake(): Promise<void> {
    const name = this.ctx.id.name
    if (this.#memory.now.name === null && name !== undefined) this.#memory.keep({ name })
    const at = await this.ctx.storage.getAlarm()
    const now = Date.now()
    if (at === null || at > now) await this.ctx.storage.setAlarm(now)
  }

  /** Records from this one on are sent, again or for the first time; a pause ends. Those passed over count as lost. */
  async backfill(from: number | "start"): Promise<number> {
    this.#backfills += 1
    const { stream } = this.#own()
    const { sinks } = await this.#log().state()
    const before = sinks.find(({ name }) => name === stream)?.next
    const { next } = await this.#log().subscribe(stream, await this.#position(from))
    this.#memory.backfilled(next)
    if (before !== undefined && before < next)
      this.#lose(before, next, next - before, "An operator has passed over them.")
    await this.wake()
    return next
  }

  async #position(from: number | "start"): Promise<number> {
    return from === "start" ? (await this.#log().state()).oldest : from
  }

  async state(): Promise<ExporterState> {
    const { stream, log } = this.#own()
    const { succeededAt, failed: failure, holdUntil, lost, lostRecords, deniesUntil } = this.#memory.now
    const now = Date.now()
    return {
      log,
      ...(await lagOf(this.#log(), stream, now)),
      succeeded_at: succeededAt,
      last_failure: failure && { at: failure.at, says: this.#memory.says ?? "" },
      waits_until: holdUntil > now ? holdUntil : null,
      lost_records: lostRecords,
      lost,
      denies: deniesUntil > now,
    }
  }

  /** A failure is one of the sink, with its pause. */
  protected override async onAlarm(): Promise<void> {
    try {
      await this.#work()
    } catch (error) {
      logEvent("export_failed", { exporter: this.#memory.now.name ?? "", error: String(error) })
      this.#memory.failed(failed("failed"), Date.now())
      await this.ctx.storage.setAlarm(this.#memory.now.holdUntil)
    }
  }

  async #work(): Promise<void> {
    const background = (work: Promise<unknown>): void => this.ctx.waitUntil(work)
    await requireOwner(this.env, background)
    const context = requestContext(this.env, background)
    const now = Date.now()
    const bundle = await bundleOfSinks(context, this.#memory.now.bundle)
    if (!bundle) {
      await this.ctx.storage.setAlarm(now + LOOK_AGAIN_MS)
      return
    }
    const { stream: name, log } = this.#own()
    const stream = streamIn(bundle.sinks, name, log)
    if (!stream) {
      await this.#leave()
      return
    }
    // Strangers and readers can fill their logs, which have no record of a call.
    const kept = stream.signal === "logs" && hasCalls(log) ? stream.sink : null
    const denies = await denyWhileFull(this.env, exporterName(name, log), kept, this.#log(), this.#memory)
    const { holdUntil } = this.#memory.now
    const goesOn = holdUntil > now ? holdUntil : await this.#exportPages(stream, context)
    const next = denies ? Math.min(goesOn ?? Number.POSITIVE_INFINITY, now + LOOK_AGAIN_AT_FULL_MS) : goesOn
    if (next !== null) await this.ctx.storage.setAlarm(next)
  }

  /** @returns when it goes on, in milliseconds since the epoch; null: when it is woken */
  async #exportPages(stream: Stream, context: RequestContext): Promise<number | null> {
    const log = this.#log()
    const { name, sink } = stream
    let next = await this.#next(name)
    let reading = log.read(next, sink.batch.bytes)
    for (this.#sends = 0; this.#sends < MOST_SENDS;) {
      const page = await reading
      for (const { from, to } of page.lost) {
        await log.acknowledge(name, to)
        this.#lose(from, to, to - from, "The log was full, and dropped them.")
        next = to
      }
      if (page.next <= next) return this.#exportCheckpoints(stream, next, context)
      // The log reads while the sink takes what was read before.
      reading = log.read(page.next, sink.batch.bytes)
      reading.catch(() => undefined)
      const backfills = this.#backfills
      for (let from = next; from < page.next && this.#sends < MOST_SENDS; from = next) {
        const step = await this.#sendNext(stream, page, from, context)
        if ("waitsUntil" in step) return step.waitsUntil
        if (this.#backfills !== backfills) return Date.now()
        await log.acknowledge(name, step.batch.next)
        this.#note(step, sink)
        next = step.batch.next
      }
    }
    return Date.now()
  }

  /** To subscribe gives all records that wait their positions: an exporter that did so at each wake would wake itself. */
  async #next(stream: string): Promise<number> {
    const log = this.#log()
    const { sinks } = await log.state()
    return sinks.find(({ name }) => name === stream)?.next ?? (await log.subscribe(stream, "now")).next
  }

  /** Those that were signed after the sink had their records. */
  async #exportCheckpoints(stream: Stream, next: number, context: RequestContext): Promise<number | null> {
    if (stream.signal !== "logs") return null
    const { witnessed } = this.#memory.now
    if (witnessed === null) this.#memory.keep({ witnessed: next })
    const all = await this.#log().checkpoints(witnessed ?? next)
    const checkpoints = all.filter(({ size }) => size <= next)
    if (checkpoints.length === 0) return null
    const batch = { log: this.#own().log, from: next, next, records: [], checkpoints }
    const sent = await this.#send(stream, batch, context)
    if (sent === "too_large") return null
    if (sent.kind === "failed") return this.#fail(sent)
    this.#note({ batch, how: "sent" }, stream.sink)
    return null
  }

  /** @returns when the next try is */
  #fail(sent: Failed): number {
    this.#memory.failed(sent, Date.now())
    logEvent("export_failed", { exporter: this.#memory.now.name ?? "", error: this.#memory.says ?? "" })
    return this.#memory.now.holdUntil
  }

  async #sendNext(stream: Stream, page: LogPage, from: number, context: RequestContext): Promise<Step> {
    const { sink } = stream
    const { most, planned } = this.#memory.now
    const records = Math.min(most ?? sink.batch.records, sink.batch.records)
    const end = planned !== null && planned > from ? planned : null
    const characters = end === null ? sink.batch.bytes / this.#growth : Infinity
    let batch = batchOf(this.#own().log, page, from, stream, { records, characters, end })
    while (batch) {
      if (batch.records.length === 0 && batch.checkpoints.length === 0) return { batch, how: "skipped" }
      const sent = await this.#send(stream, batch, context)
      if (sent === "too_large" || (sent.kind === "failed" && sent.failure === "too_large")) {
        if (batch.next - from === 1)
          return { batch, how: { count: 1, why: "The record is longer than the sink takes.", isSent: false } }
        const half = Math.ceil((batch.next - from) / 2)
        if (sent !== "too_large") this.#memory.keep({ most: half, planned: null })
        batch = batchOf(this.#own().log, page, from, stream, { records: half, characters: Infinity, end: null })
        continue
      }
      if (sent.kind === "failed") return { waitsUntil: this.#fail(sent) }
      if (!sent.dropped) return { batch, how: "sent" }
      const { message } = sent.dropped
      const count = Math.min(sent.dropped.count, batch.records.length)
      return { batch, how: { count, why: `The sink dropped ${count} of them, and says: ${message}`, isSent: true } }
    }
    return { waitsUntil: Date.now() }
  }

  /** @returns `too_large` if it is longer than the sink takes, by sinks.yaml: it was not sent */
  async #send({ sink, signal }: Stream, batch: Batch, { config }: RequestContext): Promise<Sent | "too_large"> {
    const format = formatOf(sink, signal)
    const { bytes, parcel } = parcelOf(batch, signal, format, { issuer: config.issuer }, sink.batch.bytes)
    const characters = batch.records.reduce((sum, { body }) => sum + body.length, 0)
    if (characters > 0) this.#growth = (bytes / characters) * GROWTH_MARGIN
    if (!parcel) return "too_large"
    this.#memory.keep({ planned: batch.next })
    this.#sends += 1
    return send(sink, parcel, { env: this.env, secrets: config.sinkSecrets, local: config.sendsToLoopback })
  }

  /** The log knows that the sink is farther: a crash before this repeats nothing. */
  #note({ batch: { from, next, checkpoints }, how }: Done, { batch }: Stream["sink"]): void {
    if (how === "skipped") return
    const witnessed = checkpoints.at(-1)?.size ?? this.#memory.now.witnessed
    if (how !== "sent") this.#lose(from, next, how.count, how.why)
    if (how === "sent" || how.isSent) this.#memory.succeeded(batch.records, witnessed, Date.now())
    else this.#memory.keep({ planned: null, witnessed })
  }

  #lose(from: number, to: number, count: number, why: string): void {
    this.#memory.lose({ from, to, count, why, at: Date.now() })
    logEvent("records_not_exported", { exporter: this.#memory.now.name ?? "", from, to, count, why })
  }

  /** The sink is gone: so is what it has not got, and the log may drop it. */
  async #leave(): Promise<void> {
    const { stream, log } = this.#own()
    const { end, sinks } = await this.#log().state()
    const next = sinks.find(({ name }) => name === stream)?.next
    if (next !== undefined) {
      logEvent("sink_removed", { sink: stream, log, undelivered: end - next })
      await this.#log().unsubscribe(stream)
    }
    await denyWhileFull(this.env, exporterName(stream, log), null, this.#log(), this.#memory)
    await this.ctx.storage.deleteAll()
    this.#memory.forget()
  }

  #own(): { readonly stream: string; readonly log: string } {
    const [stream = "", log = ""] = (this.ctx.id.name ?? this.#memory.now.name ?? "").split("/")
    return { stream, log }
  }

  #log() {
    return this.env.RECORD_LOG.getByName(this.#own().log)
  }
}
