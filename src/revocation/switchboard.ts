/**
 * The switchboard: one Durable Object that keeps the switches, what was seen of tools, and what was told of agents and
 * users, and lends it all out. Whoever reads them may rely on what was read for a lease's time and no longer; so a
 * switch that is stored holds everywhere once all leases handed out before have run out, and only then is it
 * acknowledged (DESIGN §2, promise 5).
 */
import { DurableObject } from "cloudflare:workers"
import type { Signal, ToldRisk } from "../core/guardrails/risk.ts"
import { switchTold, type Setter } from "../core/notices/notice.ts"
import { Notices } from "../notifications/notice-outbox.ts"
import { KeptObservations } from "./kept-observations.ts"
import { KeptRisks } from "./kept-risks.ts"
import { KeptSwitches } from "./kept-switches.ts"
import { OBSERVATION_VERSION, type Report } from "../core/signals/leased-observations.ts"
import { Pace } from "./pace.ts"
import { SIGNAL_VERSION, type SignalOutcome, type SignalReport } from "../core/signals/stream-change.ts"
import type { Switch } from "../core/signals/switch.ts"
import { ToldTokens } from "./seen-event-tokens.ts"

/** How long a reader may rely on what it read, by its own clock, from the moment it asked. */
export const LEASE_MS = 2_000
/** A reader's clock and ours may not run equally fast. */
const MARGIN_MS = 100

/**
 * What an asker can read of a lease: the switches alone; since 2 observations beside them; since 3 the risks of agents
 * and users too.
 */
export const LEASE_VERSION = 3
const FIRST_WITH_OBSERVATIONS = 2
const FIRST_WITH_RISKS = 3

export function switchboard(env: Env): DurableObjectStub<Switchboard> {
  return env.SWITCHBOARD.getByName("board")
}

/** And why. */
interface SwitchSetter extends Setter {
  readonly reason: string | null
}

export class Switchboard extends DurableObject<Env> {
  /** Milliseconds; no lease handed out so far is longer. After waking, one of an earlier life may be as long as any. */
  #leasedUntil = Date.now() + LEASE_MS
  readonly #switches: KeptSwitches
  readonly #observations: KeptObservations
  readonly #risks: KeptRisks
  readonly #tokens: ToldTokens
  readonly #pace = new Pace()
  readonly #notices: Notices

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    const { sql } = ctx.storage
    this.#switches = new KeptSwitches(sql)
    this.#observations = new KeptObservations(sql)
    this.#risks = new KeptRisks(sql)
    this.#tokens = new ToldTokens(sql)
    this.#notices = new Notices(ctx, env)
  }

  /**
   * @param version absent: the asker knows of switches alone, as code of before does
   * @returns JSON of the switches, or of them and the rest: a lease begins when it was asked for
   */
  read(version = 1): string {
    const now = Date.now()
    this.#leasedUntil = Math.max(this.#leasedUntil, now + LEASE_MS)
    const switches = this.#switches.lent(now)
    if (version < FIRST_WITH_OBSERVATIONS) return switches
    const observations = JSON.stringify(this.#observations.lent())
    const risks = version < FIRST_WITH_RISKS ? "" : `,"risks":${this.#risks.lent(now)}`
    return `{"switches":${switches},"observations":${observations}${risks}}`
  }

  /** @returns JSON of all switches with who set them, why and when; nobody may rely on it as on a lease */
  listed(): string {
    return JSON.stringify(this.#switches.listed(Date.now()))
  }

  /** @returns JSON of all that is told now; nobody may rely on it as on a lease */
  risks(): string {
    return JSON.stringify(this.#risks.listed(Date.now()))
  }

  /**
   * What somebody has seen. Nobody is made to wait until it holds everywhere: every lease ends within two seconds.
   * @returns false: it was not understood
   */
  observe(version: number, report: Report): boolean {
    if (version !== OBSERVATION_VERSION) return false
    this.ctx.storage.transactionSync(() => this.#observations.take(report, Date.now()))
    return true
  }

  /**
   * An operator's word. Answers when it holds everywhere.
   * @param signal but for its time, which is now; null: nothing is told of it any more
   */
  async rate(kind: ToldRisk["kind"], name: string, signal: Omit<Signal, "at"> | null): Promise<void> {
    const at = Date.now()
    this.ctx.storage.transactionSync(() => this.#risks.rate(kind, name, signal && { ...signal, at }, at))
    await this.#holds()
  }

  /** An operator's word: of what a stream has told of it nothing holds any more. Answers when that is so everywhere. */
  async forgetRisk(stream: string, kind: ToldRisk["kind"], name: string): Promise<void> {
    this.#risks.forget(stream, kind, name)
    await this.#holds()
  }

  /** Whether a token was told already, or another thing under its `jti`; null: neither. */
  told(token: Pick<SignalReport, "stream" | "jti" | "digest">): "repeated" | "reused" | null {
    return this.#tokens.find(token)
  }

  /**
   * What a stream of events has told in one token: all of it or nothing, once. Answers when it holds everywhere; told
   * again, it changes nothing, and answers no sooner, as it may not have held when it was told first.
   */
  async signal(version: number, report: SignalReport): Promise<SignalOutcome> {
    if (version !== SIGNAL_VERSION) return "not_understood"
    // A token is no secret: whoever has seen one may send it again, and must not hold up what the transmitter tells anew.
    const paced = this.#tokens.find(report) ? `${report.stream}|told` : report.stream
    if (!this.#pace.take(paced, Date.now())) return "busy"
    const outcome = this.ctx.storage.transactionSync(() => this.#take(report, Date.now()))
    if (outcome === "kept" || outcome === "repeated") await this.#holds()
    return outcome
  }

  #take(report: SignalReport, now: number): SignalOutcome {
    const seen = this.#tokens.find(report)
    if (seen) return seen
    const stops = report.changes.filter((change) => change.kind !== "risk")
    if (!this.#switches.take(stops, report, this.#holdsAt(now))) return "full"
    const risks = report.changes.filter((change) => change.kind === "risk")
    this.#risks.take(risks, report, now)
    this.#tokens.keep(report, report.until, now)
    return "kept"
  }

  /**
   * Answers when it holds everywhere.
   * @param setter null: nobody else is told
   */
  async set(set: Switch, setter: SwitchSetter | null = null): Promise<void> {
    const now = Date.now()
    const at = this.#holdsAt(now)
    this.ctx.storage.transactionSync(() => {
      this.#switches.set(set, setter && { by: setter.operator, reason: setter.reason, at })
      if (setter) this.#notices.keep(switchTold("switch.set", set, setter, now))
    })
    await this.#holds()
  }

  /**
   * Lifting need not be known everywhere to be true. A pulled key stays pulled: isolates may know its public half for a
   * while longer, and what it signed must not pass again.
   */
  lift(id: string, setter: Setter | null = null): Switch | "kept" | "unknown" {
    return this.ctx.storage.transactionSync(() => {
      const lifted = this.#switches.lift(id)
      if (typeof lifted === "string") return lifted
      if (setter) this.#notices.keep(switchTold("switch.lifted", lifted, setter, Date.now()))
      return lifted
    })
  }

  /** What others are told of switches, where it could not be handed over at once. */
  override async alarm(): Promise<void> {
    await this.#notices.send()
  }

  /** Milliseconds: when what is stored now holds. Leases handed out from now on already have it. */
  #holdsAt(now: number): number {
    return Math.max(now, this.#leasedUntil + MARGIN_MS)
  }

  /** Stored, and known to whoever may rely on what they know. */
  async #holds(): Promise<void> {
    await this.ctx.storage.sync()
    const now = Date.now()
    const wait = this.#holdsAt(now) - now
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
  }
}
