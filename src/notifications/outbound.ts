/**
 * The deliveries to one receiver: one Durable Object for each receiver, which stores them until they are delivered, by
 * its alarm and in no call. At least once, with one id for all tries. The pauses grow for a day; then a delivery is
 * dead, and an operator can see it and send it once more. Bounded: if it is full, the oldest of the most frequent kind
 * is dropped.
 */
import { StoredObject } from "../platform/storage/stored-object.ts"
import { ringSigner } from "../signing/signing-key.ts"
import { logEvent } from "../platform/log.ts"
import type { ReceiverDefinition } from "../core/policy/definition/receivers.ts"
import { requireOwner } from "../bundles/ownership.ts"
import { bundleFor, requestContext, type RequestContext } from "../request-context.ts"
import { sha256Hex } from "../core/encoding/hash.ts"
import { OUTBOUND_VERSION } from "./outbound-stub.ts"
import { type FormatError, type FormatContext } from "./formats/message.ts"
import { nextOf } from "./retry.ts"
import { post } from "./post.ts"
import { Queue, type DeliveryRow } from "./queue.ts"
import { noticeFor } from "../core/notices/recipients.ts"
import type { Deliveries } from "./deliveries.ts"
import { messageOf } from "./formats/formats.ts"

/** A request has six connections at most. */
const AT_ONCE = 5
/** Rounds in one alarm: on the free plan an invocation may make fifty requests. */
const ROUNDS = 8
/** Without a bundle, or with an older one than the notice's, the receiver's URL is unknown. */
const LOOK_AGAIN_MS = 5_000
/** No isolate decides by a bundle longer than this without knowing that there is a newer one (bundles/store.ts). */
const OLDER_FOR_MS = 600_000

export class Outbound extends StoredObject {
  readonly #queue: Queue

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "Outbound")
    this.#queue = new Queue(ctx.storage)
  }

  /**
   * The notice is durable once this has returned. A notice that the object has, or had before, is not taken again.
   * @param letter JSON of a Notice
   * @param seq number of the bundle that names this receiver
   * @returns false if the version is unknown
   */
  async take(version: number, receiver: string, id: string, letter: string, seq: number): Promise<boolean> {
    if (version !== OUTBOUND_VERSION) return false
    this.#queue.take(receiver, id, letter, seq, Date.now())
    await this.#schedule()
    return true
  }

  /**
   * Dead deliveries wait again, as if they had never been tried.
   * @param id null: all of them
   * @returns how many
   */
  async retry(id: string | null): Promise<number> {
    const count = this.#queue.retry(id, Date.now())
    await this.#schedule()
    return count
  }

  list(): Deliveries {
    return this.#queue.list(Date.now())
  }

  protected override async onAlarm(): Promise<void> {
    const background = (work: Promise<unknown>): void => this.ctx.waitUntil(work)
    await requireOwner(this.env, background)
    const context = requestContext(this.env, background)
    for (let round = 0; round < ROUNDS; round++) {
      const now = Date.now()
      this.#queue.prune(now)
      const self = this.#queue.self()
      const due = self && self.hold_until <= now ? this.#queue.due(now, AT_ONCE) : []
      if (!self || due.length === 0) break
      const bundle = await bundleFor(context)
      if (!bundle) {
        await this.ctx.storage.setAlarm(now + LOOK_AGAIN_MS)
        return
      }
      const { seq } = bundle.pointer
      const receiver = bundle.receivers.find(({ id }) => id === self.receiver) ?? null
      const early = due.filter((letter) => letter.seq > seq && now - letter.since < OLDER_FOR_MS)
      this.#queue.postpone(early, now + LOOK_AGAIN_MS)
      await this.#deliver(
        due.filter((letter) => !early.includes(letter)),
        receiver,
        context,
      )
    }
    await this.#schedule()
  }

  async #deliver(
    due: readonly DeliveryRow[],
    receiver: ReceiverDefinition | null,
    context: RequestContext,
  ): Promise<void> {
    if (due.length === 0) return
    const now = Date.now()
    if (!receiver) {
      this.#queue.markDead(due, "receiver_unknown", now)
      return
    }
    const secret = context.config.webhookSecrets.get(receiver.id) ?? null
    const address = sha256Hex("url" in receiver ? receiver.url : (secret ?? ""))
    if (this.#queue.self()?.gone === address) {
      this.#queue.markDead(due, "gone", now)
      return
    }
    this.#queue.countTry(due, now)
    await this.#schedule()
    // Deliveries in one round fail together: that counts as one failure.
    const inARow = (this.#queue.self()?.in_a_row ?? 0) + 1
    const formatContext = {
      issuer: context.config.issuer,
      secret,
      signer: async () => ringSigner(this.env, context.config.signingAlgorithm),
      now,
    }
    await Promise.all(
      due.map(async (letter) =>
        this.#try(letter, receiver, address, inARow, formatContext, context.config.sendsToLoopback),
      ),
    )
  }

  async #try(
    letter: DeliveryRow,
    receiver: ReceiverDefinition,
    address: string,
    inARow: number,
    formatContext: FormatContext,
    local: boolean,
  ): Promise<void> {
    try {
      // By what the receiver may get now: it may be less than when this was handed over.
      const notice = noticeFor(receiver, JSON.parse(letter.body))
      const message = notice ? await messageOf(receiver, notice, formatContext) : NOT_SUBSCRIBED
      const answer = "hindrance" in message ? message : await post(message, local)
      const now = Date.now()
      if ("hindrance" in answer) {
        this.#hindered(letter, answer.hindrance, now)
        return
      }
      const tries = letter.tries + 1
      const next = nextOf(answer, { tries, since: letter.since, inARow }, now, Math.random())
      this.#queue.note(letter, next, inARow, "status" in answer ? answer.status : null, address, now)
    } catch (error) {
      // A defect, probably of this message alone: it is tried again, as if the receiver had failed.
      logEvent("delivery_failed", { id: letter.id, receiver: receiver.id, error: String(error) })
      this.#queue.failed("failed", null, Date.now())
    }
  }

  /** A temporary obstacle is tried again as it is; otherwise the delivery is dead until the cause is fixed. */
  #hindered(letter: DeliveryRow, reason: FormatError["hindrance"] | "url_refused" | "not_told", now: number): void {
    if (reason !== "key_unavailable") this.#queue.markDead([letter], reason, now)
    // Nothing failed.
    if (reason !== "not_told") this.#queue.failed(reason, null, now)
  }

  async #schedule(): Promise<void> {
    const at = this.#queue.nextAt(Date.now())
    if (at !== null) await this.ctx.storage.setAlarm(at)
  }
}

const NOT_SUBSCRIBED = { hindrance: "not_told" } as const
