/**
 * Credit that counts shared by all ledgers (core/guardrails/lending) have lent to this ledger: how it is
 * requested, made durable before it is used, and returned (settlements.ts). The guardrails see only how much is left.
 */
import type { LentSpan, Take, TakeAnswer } from "../core/guardrails/lending/lending.ts"
import { LENDING_VERSION } from "../core/guardrails/lending/lending.ts"
import { EXACT_BELOW } from "../core/guardrails/lending/terms.ts"
import type { Need } from "../core/guardrails/kind.ts"
import { logEvent } from "../platform/log.ts"
import { newId } from "../platform/new-id.ts"
import { within } from "../platform/timeout.ts"
import { TIMEOUT_MS, usedWithin, type CreditRequest, type Taken } from "./credit-request.ts"
import { Counts, type Lent, type SharedCount } from "./counts.ts"
import { ledgerOf } from "../platform/task-id.ts"
import { Settlements } from "./settlements.ts"
import { sharedLimitOf } from "./shared-limit.ts"

const LENT: Taken = { kind: "lent" }
const UNAVAILABLE: Taken = { kind: "unavailable" }
export class Credits {
  readonly #ctx: DurableObjectState
  readonly #env: Env
  readonly #counts: Counts
  /** Requests whose answer is still to come. */
  readonly #underWay = new Set<string>()
  readonly #settlements: Settlements
  /** Granted in spite of the limit, for the call that is being decided: by place, the request that granted it. */
  #over = new Map<string, string>()

  /** @param ledgerNow the ledger's state, or null if there is none any more */
  constructor(ctx: DurableObjectState, env: Env, ledgerNow: () => Lent | null) {
    this.#ctx = ctx
    this.#env = env
    this.#settlements = new Settlements(ctx, env)
    this.#counts = new Counts(this.#settlements, () => {
      const ledger = ledgerNow()
      if (ledger) this.returnDueCredit(ledger)
    })
  }

  load(): void {
    this.#settlements.load()
  }

  /**
   * Requests all that a call needs, puts it into the state, and runs `decide`; nothing else can run in between.
   * @param decide receives whether nothing more can be had
   * @returns what `decide` returns
   */
  async with<Result>(
    ledger: Lent,
    needs: readonly Need[],
    request: CreditRequest,
    decide: (isFinal: boolean) => Result,
  ): Promise<Result> {
    const missing = needs.filter((need) => need.over || leftOf(ledger, need) < need.amount || need.values !== null)
    const requested = missing.map((need) => ({ need, count: this.#counts.of(need) }))
    for (const { need, count } of requested) {
      count.undecided += 1
      if (need.look || request.needs.has(count)) continue
      request.needs.set(count, need.amount)
      count.demand += need.amount
    }
    const answers = requested.map(async (one) => ({
      ...one,
      answer: await this.#take(ledger, one.need, one.count, request),
    }))
    const taken = await Promise.all(answers)
    const exact = taken.flatMap(({ need, answer }) => (answer.kind === "exact" ? [{ need, ...answer }] : []))
    const refused = taken.flatMap(({ need, answer }) => (answer.kind === "refused" ? [{ need, answer }] : []))
    const seen = taken.flatMap(({ need, answer }) => (answer.kind === "room" ? [{ need, answer }] : []))
    // A grant counts from its moment: what comes back too late is not used.
    const now = Date.now()
    const isFresh = exact.every(({ need, at }) => need.over || (now >= at && now - at <= usedWithin(need)))
    const before = exact.map(({ need, amount, used }) => {
      const left = leftOf(ledger, need)
      const { owner, place, over } = need
      if (isFresh) ledger.credits.set(owner, place, { left: left + amount, used, refused: null, over })
      return left
    })
    for (const { need, answer } of refused) {
      const left = leftOf(ledger, need)
      ledger.credits.set(need.owner, need.place, { left, used: answer.used, refused: answer, over: null })
    }
    for (const { need, answer } of seen) {
      const credit = { left: leftOf(ledger, need), used: answer.used, refused: null, over: null, room: need.amount }
      ledger.credits.set(need.owner, need.place, credit)
    }
    this.#over = new Map(exact.filter(({ need }) => need.over).map(({ need, id }) => [placeOf(need), id]))
    try {
      return decide(taken.some(({ answer }) => answer.kind === "unavailable"))
    } finally {
      this.#over = new Map()
      for (const { need } of [...refused, ...seen]) {
        const { owner, place } = need
        const credit = ledger.credits.find(owner, place)
        if (credit)
          ledger.credits.set(owner, place, { left: credit.left, used: credit.used, refused: null, over: null })
      }
      // What was granted to this very call is no other call's.
      for (const [index, { need, id, amount }] of exact.entries()) {
        const unused = isFresh ? Math.min(amount, Math.max(0, leftOf(ledger, need) - (before[index] ?? 0))) : amount
        const credit = ledger.credits.find(need.owner, need.place)
        if (credit && isFresh) {
          ledger.credits.set(need.owner, need.place, { ...credit, left: credit.left - unused, over: null })
        }
        if (unused > 0) this.#settlements.add(id, countOf(need), amount - unused)
        else if (need.over) this.#settlements.confirm(id)
      }
      for (const { need, count } of requested) {
        if (exact.some(({ id }) => this.#settlements.isOf(id, count))) count.settleSoon(now)
        this.#counts.prune(ledger, need, count)
      }
    }
  }

  /** The call has been decided. */
  done(request: CreditRequest): void {
    for (const [count, amount] of request.needs) this.#counts.release(count, amount)
  }

  async #take(ledger: Lent, need: Need, count: SharedCount, request: CreditRequest): Promise<Taken> {
    const { amount, limit, values, over, look } = need
    const { limit: most, span } = limit
    // It has an end, or its count could never be forgotten; the compiler of policies rejects any other.
    if (span.kind === "life") return UNAVAILABLE
    // What never fits need not be requested.
    if (!over && amount > (span.kind === "bucket" ? span.burst : most)) {
      return { kind: "refused", used: 0, waits: Number.POSITIVE_INFINITY }
    }
    const now = Date.now()
    if (now >= request.until || !count.mayAsk(now)) return UNAVAILABLE
    // If more is lent than one call needs, one request is enough for all calls that wait.
    const isLentInBlocks = values === null && over === null && !look && most >= EXACT_BELOW
    if (isLentInBlocks && request.waits && count.answer) {
      const answer = await count.answer
      return answer.kind === "unavailable" ? UNAVAILABLE : LENT
    }
    const answer = this.#askFor(ledger, need, span, count, request)
    if (!isLentInBlocks) return answer
    count.answer = answer
    try {
      return await answer
    } finally {
      if (count.answer === answer) count.answer = null
    }
  }

  async #askFor(ledger: Lent, need: Need, span: LentSpan, count: SharedCount, request: CreditRequest): Promise<Taken> {
    const { amount, values, over, look, fleet } = need
    const { guardrail, borrowing } = count
    const at = Date.now()
    const id = newId("lnt", at)
    // What is left of other blocks is not enough. It is given back, as it may be what is missing.
    this.#counts.returnUnusedCredit(ledger, count)
    const settled = this.#settlements.of(count)
    const { measure, limit } = need.limit
    const takeRequest = {
      id,
      holder: this.#ctx.id.toString(),
      limit: { measure, limit, span, seq: request.seq },
      settled,
      over: over !== null,
      look,
      ...(fleet !== null && {
        before: { ledger: ledgerOf(this.#env, { agent: fleet }).id.toString(), limit: need.limit, key: need.key },
      }),
    }
    const others = request.waits ? count.demand - (request.needs.get(count) ?? 0) : 0
    const want = over || look || !request.waits ? amount : borrowing.want(amount, others, at)
    const take: Take = values
      ? { ...takeRequest, amount: 0, want: 0, values }
      : { ...takeRequest, amount, want, least: amount, open: count.isSlow && !over && !look }
    // If the ledger crashes before the call is admitted, the call has not counted.
    if (over) this.#settlements.write(id, count, 0)
    count.underWay += 1
    if (!look) this.#underWay.add(id)
    const answering = this.#ask(count, take)
    const patience = Math.min(TIMEOUT_MS, request.until - at)
    try {
      const answer = await within(answering, patience, "the shared limit")
      this.#underWay.delete(id)
      this.#settlements.forget(settled)
      count.answered()
      // If its responses come too late for that, the ledger requests credit that may be used later.
      count.isSlow = Date.now() - at > usedWithin(need)
      return this.#taken(ledger, need, count, { id, at, isOpen: take.open === true }, answer)
    } catch (error) {
      // An object that had less time than it may take has not failed.
      if (patience === TIMEOUT_MS) count.failed(Date.now())
      // Whatever still comes is not used: a lost or late grant is given back.
      if (!look) this.#ctx.waitUntil(this.#returnLate(answering, id, count))
      logEvent("limit_failed", { guardrail, error: String(error) })
      return UNAVAILABLE
    } finally {
      count.underWay -= 1
    }
  }

  async #ask({ guardrail, key }: SharedCount, take: Take): Promise<TakeAnswer> {
    return sharedLimitOf(this.#env, guardrail, key).take(LENDING_VERSION, take)
  }

  #taken(
    ledger: Lent,
    { owner, place, amount, values, look }: Need,
    count: SharedCount,
    { id, at, isOpen }: { readonly id: string; readonly at: number; readonly isOpen: boolean },
    answer: TakeAnswer,
  ): Taken {
    const { granted, used } = answer
    if (granted === null) return { kind: "refused", used, waits: answer.waits ?? Number.POSITIVE_INFINITY }
    if (look) return { kind: "room", used }
    if (values || (granted <= amount && !isOpen)) {
      if (!values) count.borrowing.exact(amount, answer.lasts, Date.now())
      return { kind: "exact", id, amount, used, at }
    }
    count.dueAt = Math.min(count.dueAt, count.borrowing.add(id, granted, answer.lasts, Date.now()))
    const left = leftOf(ledger, { owner, place }) + granted
    ledger.credits.set(owner, place, { left, used, refused: null, over: null })
    return LENT
  }

  /** To be called in the step's transaction, before what it lends is used. */
  save(places: readonly { readonly owner: string; readonly key: string }[]): void {
    for (const { owner, key: place } of places) {
      const count = this.#counts.find(owner, place)
      if (count) for (const { id, granted } of count.borrowing.blocks) this.#settlements.write(id, count, granted)
      const over = this.#over.get(placeOf({ owner, place }))
      if (over !== undefined) this.#settlements.drop(over)
    }
  }

  mustWrite(owner: string, place: string): boolean {
    const blocks = this.#counts.find(owner, place)?.borrowing.blocks ?? []
    return this.#over.has(placeOf({ owner, place })) || blocks.some(({ id }) => !this.#settlements.isWritten(id))
  }

  /** Whether any is known of: `returnAllCredit` has something to do. */
  get isHeld(): boolean {
    return this.#counts.size > 0
  }

  /** Returns what has been held for long enough, however many other counts there are. */
  returnDueCredit(ledger: Lent): void {
    this.#counts.returnDueCredit(ledger, Date.now())
  }

  /** Returns all of it: the ledger is quiet, or a tree has ended. */
  returnAllCredit(ledger: Lent): void {
    this.#counts.returnAllCredit(ledger)
  }

  /** The question of an object about blocks that it has not heard of: contract of `CreditHolder`. */
  usedOf(ids: readonly string[]): Record<string, number | null> {
    const inUse = this.#counts.ids()
    return Object.fromEntries(
      ids.flatMap((id): [string, number | null][] => {
        const used = this.#settlements.usedOf(id)
        if (used !== undefined) return [[id, used]]
        return inUse.has(id) || this.#underWay.has(id) ? [[id, null]] : []
      }),
    )
  }

  async #returnLate(taking: Promise<TakeAnswer>, id: string, count: SharedCount): Promise<void> {
    try {
      const { granted } = await taking
      if (granted !== null) this.#settlements.add(id, count, 0)
    } catch {
      // It may have been granted all the same.
      this.#settlements.add(id, count, 0)
    }
    this.#underWay.delete(id)
    this.#settlements.sendSoon(count)
  }
}

function countOf({ limit, key }: Need): { readonly guardrail: string; readonly key: string } {
  return { guardrail: limit.id, key }
}

interface Placed {
  readonly owner: string
  readonly place: string
}

function leftOf(ledger: Lent, { owner, place }: Placed): number {
  return ledger.credits.find(owner, place)?.left ?? 0
}

function placeOf({ owner, place }: Placed): string {
  return `${owner}|${place}`
}
