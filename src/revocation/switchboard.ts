/**
 * The switchboard: one Durable Object that stores the switches, the observations of tools, and the reported risks of
 * agents and users, and leases them all. The key ring stands in it, so that a new isolate has its keys with its lease. A reader may use what it read for the time of a lease and no longer. So a
 * switch is in force everywhere once all earlier leases have expired, and only then is it acknowledged: no call that
 * begins after the acknowledgement succeeds (docs/architecture.md#the-promises, 5).
 */
import { StoredObject } from "../platform/storage/stored-object.ts"
import type { JWK } from "jose"
import type { OwnAlgorithm } from "../core/keys/algorithm.ts"
import type { Action } from "../core/catalog/tool.ts"
import type { Signal, ReportedRisk } from "../core/guardrails/risk.ts"
import { switchChanged, type Setter } from "../core/notices/notice.ts"
import { logEvent } from "../platform/log.ts"
import { Notices } from "../notifications/notice-outbox.ts"
import { ObservationStorage } from "./observation-storage.ts"
import { RiskStorage } from "./risk-storage.ts"
import { SwitchStorage, type Lifted } from "./switch-storage.ts"
import { KeyRing, type SigningKey } from "../signing/key-ring.ts"
import { OBSERVATION_VERSION, type Report } from "../core/signals/leased-observations.ts"
import { Pace } from "./pace.ts"
import { SIGNAL_VERSION, type SignalOutcome, type SignalReport } from "../core/signals/stream-change.ts"
import type { Switch } from "../core/signals/switch.ts"
import { UnrecordedStorage } from "./unrecorded-storage.ts"
import { SeenEventTokens } from "./seen-event-tokens.ts"

/** How long a reader may use what it read, by its own clock, from its request on. */
export const LEASE_MS = 2_000
/** The clocks of a reader and of this object may run at different speeds. */
const MARGIN_MS = 100

export function switchboard(env: Env): DurableObjectStub<Switchboard> {
  return env.SWITCHBOARD.getByName("board")
}

/** With the reason. */
interface SwitchSetter extends Setter {
  readonly reason: string | null
}

export class Switchboard extends StoredObject {
  readonly #switches: SwitchStorage
  readonly #observations: ObservationStorage
  readonly #risks: RiskStorage
  readonly #tokens: SeenEventTokens
  readonly #unrecorded: UnrecordedStorage
  readonly #pace = new Pace()
  readonly #notices: Notices
  readonly #ring: KeyRing

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "Switchboard")
    const { sql } = ctx.storage
    this.#switches = new SwitchStorage(sql)
    this.#observations = new ObservationStorage(sql)
    this.#risks = new RiskStorage(sql)
    this.#tokens = new SeenEventTokens(sql)
    this.#unrecorded = new UnrecordedStorage(sql)
    this.#notices = new Notices(ctx, this.env)
    this.#ring = new KeyRing(ctx)
  }

  /**
   * @param withRing for an isolate that has no keys, or has had them for long
   * @returns JSON of a lease, which begins when it was requested; with the ring, in a second line, JSON of its public keys
   *   and of the secret of the records' hashes
   */
  read(withRing = false): string | Promise<string> {
    return withRing ? this.#readWithRing() : this.#leased()
  }

  /** A ring that is out of order keeps no lease from an isolate that has its keys. Without keys every call is denied. */
  async #readWithRing(): Promise<string> {
    try {
      const ring = { keys: await this.#ring.publicKeys(), recordKey: this.#ring.recordKey() }
      return `${this.#leased()}\n${JSON.stringify(ring)}`
    } catch (error) {
      logEvent("own_keys_not_fetched", { error: String(error) })
      return this.#leased()
    }
  }

  #leased(): string {
    const now = Date.now()
    const observations = JSON.stringify(this.#observations.leased())
    const denied = this.#unrecorded.leased(now)
    const unrecorded = denied.length > 0 ? `,"unrecorded":${JSON.stringify(denied)}` : ""
    return `{"switches":${this.#switches.leased(now)},"observations":${observations},"risks":${this.#risks.leased(now)}${unrecorded}}`
  }

  /**
   * Records of calls cannot be kept for a sink: calls of these action classes are denied everywhere within the time of a
   * lease, until the exporter reports that they can be stored again.
   * @param until milliseconds since the epoch
   */
  denyUnrecorded(source: string, actions: readonly Action[], until: number): void {
    this.#unrecorded.set(source, actions, until, Date.now())
  }

  async signingKey(alg: OwnAlgorithm): Promise<SigningKey> {
    return this.#ring.signingKey(alg)
  }

  async publicKeys(): Promise<JWK[]> {
    return this.#ring.publicKeys()
  }

  async keyLinks(): Promise<string[]> {
    return this.#ring.keyLinks()
  }

  async keyAges(): ReturnType<KeyRing["keyAges"]> {
    return this.#ring.keyAges()
  }

  admitComparison(decision: string): boolean {
    return this.#ring.admitComparison(decision)
  }

  async pull(kid: string): Promise<void> {
    await this.#ring.pull(kid)
  }

  async replaceKeys(): Promise<void> {
    await this.#ring.replace()
  }

  had(kid: string): boolean {
    return this.#ring.had(kid)
  }

  /** @returns JSON of all switches with who set them, why and when; it is no lease, and no call may be decided by it */
  listed(): string {
    return JSON.stringify(this.#switches.listed(Date.now()))
  }

  /** @returns JSON of all current risks; it is no lease, and no call may be decided by it */
  risks(): string {
    return JSON.stringify(this.#risks.listed(Date.now()))
  }

  /**
   * Stores observations. The observer does not wait until they are in force everywhere: every lease ends within two
   * seconds.
   * @returns false: the version is unknown
   */
  observe(version: number, report: Report): boolean {
    if (version !== OBSERVATION_VERSION) return false
    this.ctx.storage.transactionSync(() => this.#observations.take(report, Date.now()))
    return true
  }

  /**
   * An operator reports a risk. Returns when it is in force everywhere.
   * @param signal without its time, which is now; null: the report is withdrawn
   */
  async rate(kind: ReportedRisk["kind"], name: string, signal: Omit<Signal, "at"> | null): Promise<void> {
    const at = Date.now()
    this.ctx.storage.transactionSync(() => this.#risks.rate(kind, name, signal && { ...signal, at }, at))
    await this.#untilInForce()
  }

  /** An operator withdraws a stream's reports about this name. Returns when that is in force everywhere. */
  async forgetRisk(stream: string, kind: ReportedRisk["kind"], name: string): Promise<void> {
    this.#risks.forget(stream, kind, name)
    await this.#untilInForce()
  }

  /** Whether this token was sent before, or another one with its `jti`; null: neither. */
  told(token: Pick<SignalReport, "stream" | "jti" | "digest">): "repeated" | "reused" | null {
    return this.#tokens.find(token)
  }

  /**
   * Applies one token of a stream of events: all of it or nothing, once. Returns when it is in force everywhere. A
   * repeated token changes nothing and waits as long, because it may not have been in force after the first time.
   */
  async signal(version: number, report: SignalReport): Promise<SignalOutcome> {
    if (version !== SIGNAL_VERSION) return "not_understood"
    // A token is no secret: a caller that has seen one may send it again, and must not delay the transmitter's new
    // ones.
    const paced = this.#tokens.find(report) ? `${report.stream}|told` : report.stream
    if (!this.#pace.take(paced, Date.now())) return "busy"
    const outcome = this.ctx.storage.transactionSync(() => this.#take(report, Date.now()))
    if (outcome === "kept" || outcome === "repeated") await this.#untilInForce()
    return outcome
  }

  #take(report: SignalReport, now: number): SignalOutcome {
    const seen = this.#tokens.find(report)
    if (seen) return seen
    const stops = report.changes.filter((change) => change.kind !== "risk")
    if (!this.#switches.take(stops, report, this.#inForceAt(now), now)) return "full"
    const risks = report.changes.filter((change) => change.kind === "risk")
    this.#risks.take(risks, report, now)
    this.#tokens.keep(report, report.until, now)
    return "kept"
  }

  /**
   * Returns when the switch is in force everywhere.
   * @param setter null: no receiver is notified
   * @param until milliseconds, when nothing is left that it could stop, and it ends by itself; null: it must be lifted
   */
  async set(set: Switch, setter: SwitchSetter | null = null, until: number | null = null): Promise<void> {
    const now = Date.now()
    const at = this.#inForceAt(now)
    this.ctx.storage.transactionSync(() => {
      this.#switches.set(set, setter && { by: setter.operator, reason: setter.reason, at }, until, now)
      if (setter) this.#notices.keep(switchChanged("switch.set", set, setter, now))
    })
    await this.#untilInForce()
  }

  /**
   * The end of a switch need not be in force everywhere at once. A pulled key stays pulled: isolates may cache its
   * public half for a while longer, and what it signed must not be accepted again.
   */
  lift(id: string, setter: Setter | null = null): Lifted | "kept" | "unknown" {
    const now = Date.now()
    return this.ctx.storage.transactionSync(() => {
      const left = `swi_${crypto.randomUUID()}`
      const done = this.#switches.lift({ id, left, by: setter?.operator ?? null }, now)
      if (typeof done === "string" || !setter) return done
      this.#notices.keep(switchChanged("switch.lifted", done.lifted, setter, now))
      if (done.left) this.#notices.keep(switchChanged("switch.set", done.left, setter, now))
      return done
    })
  }

  /** Sends the notifications about switches that could not be sent at once. The ring sets the next alarm if they do not. */
  protected override async onAlarm(): Promise<void> {
    await this.#notices.send()
    await this.#ring.rotate()
  }

  /** Milliseconds, when what is stored now is in force. Leases handed out from now on already contain it. */
  #inForceAt(now: number): number {
    return now + LEASE_MS + MARGIN_MS
  }

  /**
   * Waits until the change is stored, and in force for every reader of a lease. It waits by a timer, and as long whenever
   * the last lease was read: how long ago that was is unknown if the clock has made a step.
   */
  async #untilInForce(): Promise<void> {
    await this.ctx.storage.sync()
    await scheduler.wait(LEASE_MS + MARGIN_MS)
  }
}
