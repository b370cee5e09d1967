/** A Durable Object of this deployment: in its jurisdiction, with what it has stored in the form of this release. */
import { DurableObject } from "cloudflare:workers"
import { inJurisdiction } from "../jurisdiction.ts"
import { logEvent } from "../log.ts"
import type { ObjectClass } from "./steps.ts"
import { bringForward, keepVersion } from "./version.ts"

/** After a first failure of an alarm; twice as long after each further one of this life, up to the longest. */
const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 600_000

export abstract class StoredObject extends DurableObject<Env> {
  readonly #name: ObjectClass
  /** Alarms in a row that failed. */
  #failures = 0

  /**
   * @param name a literal: the build shortens the names of classes
   * @param begins when it first stores something: with its first life, or later, and then it calls `keepVersion` itself
   */
  constructor(ctx: DurableObjectState, env: Env, name: ObjectClass, begins: "at once" | "later" = "at once") {
    super(ctx, inJurisdiction(env))
    // oxlint-disable-next-line typescript/unbound-method -- compared, not called
    if (this.alarm !== StoredObject.prototype.alarm) throw new Error(`${name} has an alarm of its own: define onAlarm`)
    this.#name = name
    bringForward(name, ctx.storage)
    if (begins === "at once") keepVersion(name, ctx.storage)
  }

  /** What the object does on its alarm; it sets the next one itself. */
  protected onAlarm?(): Promise<void>

  /**
   * The platform drops an alarm that throws several times in a row. So an alarm that fails is set again, and no object
   * can replace this method.
   */
  override async alarm(): Promise<void> {
    try {
      await this.onAlarm?.()
      this.#failures = 0
    } catch (error) {
      logEvent("alarm_failed", { object: this.#name, error: String(error) })
      const at = Date.now() + Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS)
      this.#failures += 1
      const set = await this.ctx.storage.getAlarm()
      if (set === null || set > at) await this.ctx.storage.setAlarm(at)
    }
  }
}
