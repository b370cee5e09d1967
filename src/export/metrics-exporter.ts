/**
 * Sends what `/metrics` shows to a sink, each minute: a Durable Object for each sink that takes metrics, so that it is sent
 * once however many isolates there are. Counters are those of the record logs. What is sent later has all that was counted
 * before: a failure loses nothing but a moment, and is not made up for.
 */
import { requireOwner } from "../bundles/ownership.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { SinkDefinition } from "../core/policy/definition/sinks.ts"
import { samplesOf } from "../core/metrics/samples.ts"
import { retryAfterOf } from "../notifications/retry.ts"
import { logEvent } from "../platform/log.ts"
import { StoredObject } from "../platform/storage/stored-object.ts"
import { requestContext, type RequestContext } from "../request-context.ts"
import { bundleOfSinks } from "./bundle-of-sinks.ts"
import { failed, type Failed, type Sent } from "./destinations/destination.ts"
import { send } from "./destinations/destinations.ts"
import { failureText } from "./destinations/failures.ts"
import { otlpMetrics } from "./formats/otlp-metrics.ts"
import type { MetricsState } from "./metrics-state.ts"
import { zipped } from "./parcel.ts"
import { readingOf } from "./reading.ts"
import { signalsOf } from "./streams.ts"

const EVERY_MS = 60_000
const FIRST_AFTER_MS = 5_000

interface Remembered extends MetricsState {
  readonly sink: string
  /** The newest bundle of which it has received a notice. */
  readonly bundle: Pointer
}
const KEY = "metrics"

export class MetricsExporter extends StoredObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "MetricsExporter")
  }

  /** This bundle names the sink. May be repeated. */
  async follow(bundle: Pointer): Promise<void> {
    const before = this.#memory
    if (!before || bundle.seq > before.bundle.seq) {
      const beginning = { sink: this.ctx.id.name ?? "", since: Date.now(), succeeded_at: null, last_failure: null }
      this.#keep({ ...(before ?? beginning), bundle })
    }
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + FIRST_AFTER_MS)
  }

  /** Null if it has not begun. */
  async state(): Promise<MetricsState | null> {
    const { since, succeeded_at, last_failure } = this.#memory ?? {}
    return since === undefined || succeeded_at === undefined || last_failure === undefined
      ? null
      : { since, succeeded_at, last_failure }
  }

  protected override async onAlarm(): Promise<void> {
    // First of all: whatever becomes of this run, there is a next one.
    await this.ctx.storage.setAlarm(Date.now() + EVERY_MS)
    const memory = this.#memory
    if (!memory) return this.ctx.storage.deleteAlarm()
    try {
      await this.#work(memory)
    } catch (error) {
      await this.#fail(failed("failed"), String(error))
    }
  }

  async #work({ sink: id, bundle: pointer }: Remembered): Promise<void> {
    const background = (work: Promise<unknown>): void => this.ctx.waitUntil(work)
    await requireOwner(this.env, background)
    const context = requestContext(this.env, background)
    const bundle = await bundleOfSinks(context, pointer)
    if (!bundle) throw new Error("no bundle of policies could be loaded")
    const sink = bundle.sinks.find((each) => each.id === id)
    if (!sink || !signalsOf(sink).includes("metrics")) return this.ctx.storage.deleteAll()
    const sent = await this.#send(sink, context)
    if (sent.kind === "failed") return this.#fail(sent, failureText(sent))
    if (sent.dropped)
      logEvent("metrics_not_exported", { sink: id, count: sent.dropped.count, why: sent.dropped.message })
    this.#change({ succeeded_at: Date.now() })
  }

  async #send(sink: SinkDefinition, context: RequestContext): Promise<Sent> {
    const { env, config } = context
    const reading = await readingOf(context)
    const body = zipped(otlpMetrics(samplesOf(reading), config.issuer, reading.now))
    const parcel = { signal: "metrics", body, contentType: "application/json", name: "metrics" } as const
    return send(sink, parcel, { env, secrets: config.sinkSecrets, local: config.sendsToLoopback })
  }

  async #fail(failure: Failed, error: string): Promise<void> {
    const at = Date.now()
    logEvent("export_failed", { exporter: `${this.#memory?.sink ?? ""}.metrics`, error })
    this.#change({ last_failure: { at, says: failureText(failure) } })
    const wait = retryAfterOf(failure.retryAfter, at) ?? 0
    if (wait > EVERY_MS) await this.ctx.storage.setAlarm(at + wait)
  }

  get #memory(): Remembered | undefined {
    return this.ctx.storage.kv.get<Remembered>(KEY)
  }

  #keep(memory: Remembered): void {
    this.ctx.storage.kv.put(KEY, memory)
  }

  #change(change: Partial<MetricsState>): void {
    const memory = this.#memory
    if (memory) this.#keep({ ...memory, ...change })
  }
}
