/**
 * Credit that this tree's ledger has been lent of counts that all trees share (guardrails/lending): how it is asked
 * for, kept durable before it is used, and given back (settlements.ts). What the guardrails see of it is how much is
 * left.
 */
import { LENDING_VERSION, type LentLimit, type Take, type TakeAnswer } from "../guardrails/lending/lending.ts"
import type { Need } from "../guardrails/instrument.ts"
import type { Memory } from "../guardrails/memory.ts"
import { logEvent } from "../log.ts"
import { newId } from "../ids.ts"
import { Settlements } from "./settlements.ts"
import { sharedLimitOf } from "./shared-limit.ts"

/** More than was needed at once: its object waits to hear what became of it. */
interface Block {
  readonly id: string
  readonly granted: number
  /** Milliseconds. */
  readonly since: number
}

/** Null: it is in hand, another call has asked for both, or it could not be asked for. */
type Taken =
  | { readonly kind: "refused"; readonly used: number; readonly waits: number }
  /** Just what the call needs: it counts as used since it was granted, and no other call may use it. */
  | { readonly kind: "exact"; readonly id: string; readonly amount: number; readonly used: number; readonly at: number }
  | null

/** What is held of one count. */
interface Held {
  readonly owner: string
  readonly place: string
  readonly guardrail: string
  readonly key: string
  /** Used up from the first to the last. */
  blocks: Block[]
  /** Takes under way. */
  asking: number
  /** Of a limit that is lent in blocks the only one, and how much is wanted by those that wait for it. */
  answer: Promise<Taken> | null
  waiting: number
  /** How much more than is needed to ask for: doubled as long as it is soon used up. */
  more: number
}

/** A block is given back after this time, used up or not: others may need it. */
const LENT_FOR_MS = 2_000
const TIMEOUT_MS = 5_000
/** From when it was asked for: so much later at most may a call be admitted by credit that counts from its grant. */
const USED_WITHIN_MS = 500

export class Credits {
  readonly #ctx: DurableObjectState
  readonly #env: Env
  /** Of the tree: who holds what is lent. */
  #root = ""
  readonly #held = new Map<string, Held>()
  /** Takes whose answer is still to come. */
  readonly #underWay = new Set<string>()
  readonly #settlements: Settlements

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx
    this.#env = env
    this.#settlements = new Settlements(ctx, env)
  }

  load(root: string): void {
    this.#root = root
    this.#settlements.load(root)
  }

  /**
   * Asks for all that a call needs. What is lent is in the memory when this answers, what is refused only for as long
   * as `decide` takes, which is called then, and in which nothing else can come between.
   * @returns what `decide` returns
   */
  async with<Result>(
    root: string,
    memory: Memory,
    needs: readonly Need[],
    seq: number,
    decide: () => Result,
  ): Promise<Result> {
    this.#root = root
    const taken = await Promise.all(needs.map(async (need) => ({ need, answer: await this.#take(memory, need, seq) })))
    const exact = taken.flatMap(({ need, answer }) => (answer?.kind === "exact" ? [{ need, ...answer }] : []))
    const refused = taken.flatMap(({ need, answer }) => (answer?.kind === "refused" ? [{ need, answer }] : []))
    // It counts from the moment of its grant: what came back too late for that is not used.
    const now = Date.now()
    const isFresh = exact.every(({ at }) => now >= at && now - at <= USED_WITHIN_MS)
    const before = exact.map(({ need, amount, used }) => {
      const left = leftOf(memory, need)
      if (isFresh) memory.credits.set(need.owner, need.place, { left: left + amount, used, refused: null })
      return left
    })
    for (const { need, answer } of refused) {
      const left = leftOf(memory, need)
      memory.credits.set(need.owner, need.place, { left, used: answer.used, refused: answer })
    }
    try {
      return decide()
    } finally {
      for (const { need } of refused) {
        const credit = memory.credits.find(need.owner, need.place)
        if (credit) memory.credits.set(need.owner, need.place, { ...credit, refused: null })
      }
      // What was granted to this very call is nobody else's.
      for (const [index, { need, id, amount }] of exact.entries()) {
        const unused = isFresh ? Math.min(amount, Math.max(0, leftOf(memory, need) - (before[index] ?? 0))) : amount
        const credit = memory.credits.find(need.owner, need.place)
        if (credit && isFresh) memory.credits.set(need.owner, need.place, { ...credit, left: credit.left - unused })
        const count = { guardrail: need.limit.id, key: need.key }
        if (unused > 0) this.#settlements.add(id, count, amount - unused)
      }
      for (const need of needs) this.#tidy(memory, need)
      if (exact.some(({ id }) => this.#settlements.has(id))) this.#settlements.sendSoon(this.#root)
    }
  }

  async #take(memory: Memory, need: Need, seq: number): Promise<Taken> {
    const { owner, key, place, limit, amount, values } = need
    const { id: guardrail, measure, limit: most, span } = limit
    // It has an end, or its count could never be forgotten; the build refuses any other.
    if (span.kind === "life") return null
    // What never fits need not be asked for.
    if (amount > (span.kind === "bucket" ? span.burst : most)) {
      return { kind: "refused", used: 0, waits: Number.POSITIVE_INFINITY }
    }
    const held = this.#heldAt(owner, place, guardrail, key)
    // Where more is lent than one call needs, one question is enough for all that wait.
    const isLentInBlocks = !values && most >= LENT_IN_BLOCKS_FROM
    if (isLentInBlocks && held.answer) {
      held.waiting += amount
      await held.answer
      held.waiting -= amount
      return null
    }
    const lent: LentLimit = { measure, limit: most, span, seq }
    const want = isLentInBlocks ? amount + Math.min(most, Math.max(held.more, held.waiting)) : amount
    const asking = this.#askFor(memory, held, lent, { amount, want, values })
    if (!isLentInBlocks) return asking
    held.answer = asking
    try {
      return await asking
    } finally {
      held.answer = null
    }
  }

  async #askFor(
    memory: Memory,
    held: Held,
    limit: LentLimit,
    {
      amount,
      want,
      values,
    }: { readonly amount: number; readonly want: number; readonly values: readonly string[] | null },
  ): Promise<Taken> {
    const { guardrail, key } = held
    const at = Date.now()
    const id = newId("lnt", Date.now())
    const settled = this.#settlements.of(held)
    const asked = { id, holder: this.#root, limit, settled }
    const take: Take = values ? { ...asked, amount: 0, want: 0, values } : { ...asked, amount, want }
    held.asking += 1
    this.#underWay.add(id)
    const answering = this.#ask(guardrail, key, take)
    try {
      const answer = await within(answering, TIMEOUT_MS)
      this.#underWay.delete(id)
      this.#settlements.forget(settled)
      return this.#taken(memory, held, { id, amount, at }, answer)
    } catch (error) {
      // Whatever comes yet is used no more: a late grant is given back, a lost one asked about.
      this.#ctx.waitUntil(this.#returnLate(answering, id, held))
      logEvent("limit_failed", { guardrail, error: String(error) })
      return null
    } finally {
      held.asking -= 1
    }
  }

  async #ask(guardrail: string, key: string, take: Take): Promise<TakeAnswer> {
    return sharedLimitOf(this.#env, guardrail, key).take(LENDING_VERSION, take)
  }

  #taken(
    memory: Memory,
    held: Held,
    { id, amount, at }: { readonly id: string; readonly amount: number; readonly at: number },
    { granted, used, ...more }: TakeAnswer,
  ): Taken {
    if (granted === null) {
      return { kind: "refused", used, waits: ("waits" in more ? more.waits : null) ?? Number.POSITIVE_INFINITY }
    }
    if (granted <= amount) return { kind: "exact", id, amount, used, at }
    const { owner, place } = held
    held.blocks.push({ id, granted, since: Date.now() })
    memory.credits.set(owner, place, { left: leftOf(memory, held) + granted, used, refused: null })
    return null
  }

  /** In the step's transaction, before what it lends is used. */
  save(places: readonly { readonly owner: string; readonly key: string }[]): void {
    for (const { owner, key: place } of places) {
      const held = this.#held.get(placeOf(owner, place))
      for (const { id, granted } of held?.blocks ?? []) if (held) this.#settlements.write(id, held, granted)
    }
  }

  mustWrite(owner: string, place: string): boolean {
    return this.#held.get(placeOf(owner, place))?.blocks.some(({ id }) => !this.#settlements.isWritten(id)) ?? false
  }

  /** Once a call has been decided on. */
  #tidy(memory: Memory, { owner, place, values }: Need): void {
    const held = this.#held.get(placeOf(owner, place))
    if (!held) return
    this.#dropUsed(memory, held)
    const isEmpty = held.blocks.length === 0 && (values !== null || held.more === 1)
    if (held.asking === 0 && isEmpty) this.#drop(memory, held)
  }

  /** Blocks are used up in their order; one of which all was used is settled. */
  #dropUsed(memory: Memory, held: Held): void {
    const left = leftOf(memory, held)
    let behind = held.blocks.reduce((sum, { granted }) => sum + granted, 0)
    while (held.blocks[0] && behind - held.blocks[0].granted >= left) {
      const { id, granted, since } = held.blocks[0]
      behind -= granted
      held.blocks.shift()
      this.#settlements.add(id, held, granted)
      if (Date.now() - since < LENT_FOR_MS) held.more = Math.min(MOST_MORE, held.more * 2)
    }
  }

  #drop(memory: Memory, { owner, place }: Held): void {
    this.#held.delete(placeOf(owner, place))
    memory.credits.drop(owner, place)
  }

  /** All that is left. */
  #giveBack(memory: Memory, held: Held): void {
    const { owner, place } = held
    const credit = memory.credits.find(owner, place)
    let left = credit?.left ?? 0
    for (const { id, granted } of held.blocks.toReversed()) {
      const unused = Math.min(left, granted)
      left -= unused
      this.#settlements.add(id, held, granted - unused)
      if (unused > granted / 2) held.more = 1
    }
    held.blocks = []
    if (credit) memory.credits.set(owner, place, { ...credit, left: 0 })
    this.#settlements.sendSoon(this.#root)
  }

  /** What has been held long enough; all of it where the tree is quiet, or has ended. */
  giveBackOld(memory: Memory, now: number, all = false): void {
    for (const held of this.#held.values()) {
      this.#dropUsed(memory, held)
      const isOld = held.blocks.some(({ since }) => now - since >= LENT_FOR_MS || now < since)
      if (held.asking === 0 && held.blocks.length > 0 && (all || isOld)) this.#giveBack(memory, held)
      if (all && held.asking === 0) this.#drop(memory, held)
    }
    // Until then what is used up is said with the next take.
    if (all) this.#settlements.sendSoon(this.#root)
  }

  /** What an object asks that has not heard of blocks: contract of `CreditHolder`. */
  usedOf(ids: readonly string[]): Record<string, number | null> {
    const held = new Set([...this.#held.values()].flatMap(({ blocks }) => blocks.map(({ id }) => id)))
    return Object.fromEntries(
      ids.flatMap((id): [string, number | null][] => {
        const used = this.#settlements.usedOf(id)
        if (used !== undefined) return [[id, used]]
        return held.has(id) || this.#underWay.has(id) ? [[id, null]] : []
      }),
    )
  }

  #heldAt(owner: string, place: string, guardrail: string, key: string): Held {
    let held = this.#held.get(placeOf(owner, place))
    if (!held) {
      held = { owner, place, guardrail, key, blocks: [], asking: 0, answer: null, waiting: 0, more: 1 }
      this.#held.set(placeOf(owner, place), held)
    }
    return held
  }

  async #returnLate(asked: Promise<TakeAnswer>, id: string, held: Held): Promise<void> {
    try {
      const { granted } = await asked
      if (granted !== null) this.#settlements.add(id, held, 0)
    } catch {
      // It was never lent, or its object will ask.
    }
    this.#underWay.delete(id)
    this.#settlements.sendSoon(this.#root)
  }
}

const MOST_MORE = 100_000
/** Of a smaller limit nobody is lent more than is needed (guardrails/lending). */
const LENT_IN_BLOCKS_FROM = 100

function leftOf(memory: Memory, { owner, place }: { readonly owner: string; readonly place: string }): number {
  return memory.credits.find(owner, place)?.left ?? 0
}

function placeOf(owner: string, place: string): string {
  return `${owner}|${place}`
}

async function within<Answer>(asked: Promise<Answer>, milliseconds: number): Promise<Answer> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it did not answer in time")), milliseconds)
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}
