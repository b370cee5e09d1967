/**
 * Counts that all trees share, driven at the object that lends them: trees that use up what they were lent whenever they
 * like, give it back in time, late or not at all, lose answers and their memory. The object wakes from storage at any
 * moment. Two models stand beside it: when each use truly was, and, by docs/guides/guardrails.md, what the object has
 * to count: all that is lent counts as used until it is given back.
 */
import type { Measure } from "../../src/core/guardrails/limit-definition.ts"
import { Lender } from "../../src/core/guardrails/lending/lender.ts"
import type { LentLimit, LentSpan, Settled, Take } from "../../src/core/guardrails/lending/lending.ts"
import { START, Store } from "../harness/lending.ts"
import { Dice } from "./dice.ts"
import { Values } from "./past.ts"
import type { Disagreement, Result } from "./run.ts"

export interface LentKind {
  readonly name: string
  /** Bundles have one after the other of these, in any order. */
  readonly limits: readonly number[]
  readonly span: LentSpan
  readonly measure: Measure
  readonly trees: number
  readonly part?: number
  /** How much a call counts. */
  readonly amount: (dice: Dice) => number
  /** How many values there are, of a `distinct`. */
  readonly values?: number
}

/** What is in a span, which moves on. */
interface Entry {
  readonly at: number
  amount: number
}

/** Uses of which the latest are in the span. */
class Recent {
  readonly #entries: Entry[] = []
  #first = 0
  #sum = 0
  readonly #cutoff: (now: number) => number

  constructor(cutoff: (now: number) => number) {
    this.#cutoff = cutoff
  }

  at(now: number): number {
    const cutoff = this.#cutoff(now)
    for (let entry = this.#entries[this.#first]; entry && entry.at <= cutoff; entry = this.#entries[++this.#first]) {
      this.#sum -= entry.amount
    }
    if (this.#first > 10_000) this.#entries.splice(0, this.#first)
    if (this.#first > 10_000) this.#first = 0
    return this.#sum
  }

  add(entry: Entry): void {
    this.#entries.push(entry)
    this.#sum += entry.amount
  }

  get oldest(): number | undefined {
    return this.#entries[this.#first]?.at
  }
}

/** Tokens times milliseconds. */
class Level {
  #limit: number
  readonly #full: number
  readonly #length: number
  #level: number
  #at = START

  constructor(limit: number, burst: number, length: number) {
    this.#limit = limit
    this.#length = length
    this.#full = this.#level = burst * length
  }

  /** @param lent tokens that are out: there is no room for them in the bucket either */
  at(now: number, lent: number): number {
    const room = this.#full - lent * this.#length
    this.#level = Math.min(Math.max(room, this.#level), this.#level + (now - this.#at) * this.#limit)
    this.#at = now
    return this.#level / this.#length
  }

  /** What was taken stays taken. */
  redefine(limit: number, now: number, lent: number): void {
    this.at(now, lent)
    this.#limit = limit
  }

  take(tokens: number): void {
    this.#level -= tokens * this.#length
  }
}

interface Block {
  readonly id: string
  readonly granted: number
  readonly since: number
  /** The limit that it was lent under. */
  readonly limit: number
  left: number
}

interface Tree {
  readonly name: string
  blocks: Block[]
  settled: Settled[]
  /** How much more than it needs it asks for. */
  more: number
}

const LENT_FOR_MS = 2_000
const LENT_IN_BLOCKS_FROM = 100

export class LentRun {
  readonly #kind: LentKind
  readonly #seed: number
  readonly #dice: Dice
  readonly #store = new Store()
  #lender = new Lender(null)
  readonly #trees: readonly Tree[]
  #now = START
  #turn = 0
  #taken = 0
  #limit: number
  /** Number of the bundle. */
  #seq = 1
  /** When each use was. */
  readonly #uses: Recent
  readonly #bucket: Level | null
  readonly #seen = new Values()
  /** What was given back counts as used at that moment, or as late as the documented slack has it. */
  readonly #counted: Recent
  readonly #low: Level | null
  readonly #lent = new Map<string, number>()
  #out = 0
  readonly #result = { admitted: 0, wakes: 0, early: 0, slack: 0, crashSlack: 0, steps: 0, late: 0 }
  readonly #disagreements = { admitted: 0, denied: 0 }
  readonly #examples: Disagreement[] = []

  constructor(kind: LentKind, seed: number) {
    this.#kind = kind
    this.#seed = seed
    this.#dice = new Dice(seed, kind.name)
    const { span } = kind
    const limit = kind.limits[0] ?? 1
    this.#limit = limit
    this.#uses = new Recent((now) => this.#cutoff(now))
    this.#counted = new Recent((now) => this.#cutoff(now) - span.seconds * 10)
    this.#bucket = span.kind === "bucket" ? new Level(limit, span.burst, span.seconds * 1000) : null
    this.#low = span.kind === "bucket" ? new Level(limit, span.burst, span.seconds * 1000) : null
    this.#trees = Array.from({ length: kind.trees }, (_, index) => ({
      name: `tree-${index}`,
      blocks: [],
      settled: [],
      more: 1,
    }))
  }

  #cutoff(now: number): number {
    const { kind, seconds } = this.#kind.span
    const length = seconds * 1000
    return kind === "fixed" ? Math.floor(now / length) * length - 1 : now - length
  }

  go(calls: number): void {
    for (const end = this.#turn + calls; this.#turn < end; this.#turn++) {
      this.#wait()
      this.#happen()
      const tree = this.#dice.pick(this.#trees)
      if (this.#kind.measure.kind === "distinct") this.#name(tree)
      else this.#call(tree, this.#kind.amount(this.#dice))
    }
  }

  get result(): Result {
    return {
      kind: this.#kind.name,
      seed: this.#seed,
      calls: this.#turn,
      changes: this.#seq - 1,
      ...this.#result,
      disagreements: this.#disagreements,
      examples: this.#examples,
    }
  }

  /** Steady, in bursts, and at the edge of the span. */
  #wait(): void {
    const [dice, { span }] = [this.#dice, this.#kind]
    const gap = ((span.seconds * 1000) / this.#limit) * this.#average()
    const pace = Math.floor(this.#turn / 200) % 4
    if (pace === 0) this.#now += Math.round(gap * dice.pick([0.5, 1, 1.5]))
    else if (pace === 1) this.#now += Math.round(-Math.log(1 - dice.next()) * gap)
    else if (pace === 2 && dice.chance(0.03)) this.#now += Math.round(gap * 33)
    else if (pace === 3 && dice.chance(0.5)) {
      const edge = (this.#uses.oldest ?? this.#now) + span.seconds * 1000 + dice.pick([-1, 0, 0, 1])
      this.#now = Math.max(this.#now, Math.min(edge, this.#now + span.seconds * 1000))
    }
  }

  #average(): number {
    return this.#kind.measure.kind === "sum" ? 20_000 : 1
  }

  #happen(): void {
    const dice = this.#dice
    for (const tree of this.#trees) {
      const first = tree.blocks[0]
      if (first && this.#now - first.since >= LENT_FOR_MS) this.#giveBack(tree)
    }
    if (dice.chance(1 / 1_000)) {
      this.#lender = new Lender(this.#store.load())
      this.#result.wakes += 1
    }
    if (dice.chance(1 / 500)) {
      this.#lender.untilCheck(this.#now)
      this.#store.save(this.#lender.drain(true))
      this.#askOverdue()
    }
    if (this.#kind.limits.length > 1 && dice.chance(1 / 2_000)) {
      this.#limit = dice.pick(this.#kind.limits.filter((limit) => limit !== this.#limit))
      this.#seq += 1
      this.#bucket?.redefine(this.#limit, this.#now, 0)
      this.#low?.redefine(this.#limit, this.#now, this.#out)
    }
    // A tree that has lost its memory has used up all that it was lent, for all it knows.
    if (dice.chance(1 / 2_000)) {
      const tree = dice.pick(this.#trees)
      for (const { id, granted } of tree.blocks) tree.settled.push({ id, used: granted })
      tree.blocks = []
      this.#send(tree)
    }
  }

  /** Blocks of which the trees know nothing were never used. */
  #askOverdue(): void {
    for (const [name, ids] of this.#lender.overdue(this.#now, 50)) {
      const tree = this.#trees.find((each) => each.name === name)
      const known = new Set([...(tree?.blocks ?? []), ...(tree?.settled ?? [])].map(({ id }) => id))
      this.#settle(
        name,
        ids.filter((id) => !known.has(id)).map((id) => ({ id, used: 0 })),
      )
    }
  }

  #giveBack(tree: Tree): void {
    for (const { id, granted, left } of tree.blocks) tree.settled.push({ id, used: granted - left })
    tree.blocks = []
    tree.more = 1
    this.#send(tree)
  }

  #send(tree: Tree): void {
    // One that is lost is said again with the next take.
    if (this.#dice.chance(0.02)) return
    this.#settle(tree.name, tree.settled)
    tree.settled = []
  }

  #settle(holder: string, settled: readonly Settled[]): void {
    if (settled.length === 0) return
    this.#lender.settle(holder, settled, this.#now)
    this.#store.save(this.#lender.drain())
    this.#settled(settled)
  }

  /** From now on what was used of them counts as used at this moment. */
  #settled(settled: readonly Settled[]): void {
    for (const { id, used } of settled) {
      const granted = this.#lent.get(id)
      if (granted === undefined) continue
      this.#low?.at(this.#now, this.#out)
      this.#lent.delete(id)
      this.#out -= granted
      this.#counted.add({ at: this.#now, amount: used })
      this.#low?.take(used - granted)
    }
  }

  #take(tree: Tree, more: Partial<Take>): ReturnType<Lender["take"]> {
    const { span, measure } = this.#kind
    const lent: LentLimit = { limit: this.#limit, span, measure, seq: this.#seq }
    const { settled } = tree
    const id = `take-${this.#taken++}`
    tree.settled = []
    const take: Take = { id, holder: tree.name, limit: lent, amount: 0, want: 0, settled, ...more }
    const answer = this.#lender.take(take, this.#now)
    this.#store.save(this.#lender.drain())
    this.#settled(settled)
    return answer
  }

  #call(tree: Tree, amount: number): void {
    const isLentInBlocks = this.#limit >= LENT_IN_BLOCKS_FROM
    const left = tree.blocks.reduce((sum, block) => sum + block.left, 0)
    if (left >= amount) return this.#use(tree, amount)
    const missing = amount - left
    const want = isLentInBlocks ? missing + tree.more : missing
    const [id, isExplained] = [`take-${this.#taken}`, this.#explains(tree, missing)]
    const answer = this.#take(tree, { amount: missing, want })
    if (answer.granted === null) {
      if (!isExplained) this.#disagree("denied", missing)
      else if (!this.#isOver(missing, this.#limit)) this.#result.early += 1
      return
    }
    tree.more = Math.min(100_000, tree.more * 2)
    const { granted } = answer
    const isClosed = granted === missing
    this.#low?.at(this.#now, this.#out)
    this.#low?.take(granted)
    if (!isClosed) {
      this.#lent.set(id, granted)
      this.#out += granted
    } else this.#counted.add({ at: this.#now, amount: granted })
    // The answer is lost: the tree knows of nothing.
    if (this.#dice.chance(0.002)) return
    tree.blocks.push({ id, granted, since: this.#now, limit: this.#limit, left: granted })
    this.#use(tree, amount)
    if (isClosed) tree.blocks = tree.blocks.filter((block) => block.id !== id)
  }

  #use(tree: Tree, amount: number): void {
    // What is lent is in use, whatever the limit becomes.
    const limit = Math.max(this.#limit, ...tree.blocks.map((block) => block.limit))
    if (this.#isOver(amount, limit)) this.#disagree("admitted", amount)
    this.#result.admitted += 1
    this.#uses.add({ at: this.#now, amount })
    this.#bucket?.take(amount)
    let open = amount
    for (const block of tree.blocks) {
      const used = Math.min(open, block.left)
      block.left -= used
      open -= used
    }
    for (const { id, granted } of tree.blocks.filter(({ left }) => left === 0)) tree.settled.push({ id, used: granted })
    tree.blocks = tree.blocks.filter(({ left }) => left > 0)
  }

  /** Whether with so much more there would be more than the limit. */
  #isOver(amount: number, limit: number): boolean {
    if (this.#bucket) return this.#bucket.at(this.#now, 0) < amount
    return this.#uses.at(this.#now) + amount > limit
  }

  #explains(tree: Tree, amount: number): boolean {
    const [limit, { span }] = [this.#limit, this.#kind]
    const slack = Math.floor((span.kind === "bucket" ? span.burst : limit) / 100)
    // What comes with the take is given back before it is granted.
    const returned = tree.settled.reduce((sum, { id }) => sum + (this.#lent.get(id) ?? 0), 0)
    const used = tree.settled.reduce((sum, { id, used: each }) => sum + (this.#lent.has(id) ? each : 0), 0)
    if (this.#low) return this.#low.at(this.#now, this.#out) + returned - used - slack < amount
    return this.#counted.at(this.#now) + this.#out - returned + used + amount > limit - slack
  }

  #name(tree: Tree): void {
    const [dice, limit, { values: many = 1, span }] = [this.#dice, this.#limit, this.#kind]
    const one = (): string => `value-${dice.skewed(many)}`
    const values = [...new Set(Array.from({ length: dice.pick([1, 1, 1, 3]) }, one))]
    const cutoff = this.#cutoff(this.#now)
    const [before, after] = [this.#seen.count(cutoff, []), this.#seen.count(cutoff, values)]
    const answer = this.#take(tree, { values })
    if (answer.granted === null) {
      const late = this.#seen.count(cutoff, values, span.seconds * 10)
      if (late <= limit - Math.floor(limit / 100)) this.#disagree("denied", after)
      else if (after <= limit) this.#result.early += 1
      return
    }
    if (after > limit && after > before) this.#disagree("admitted", after)
    this.#result.admitted += 1
    for (const value of values) this.#seen.add(value, this.#now)
    this.#seen.forgetBefore(cutoff - span.seconds * 20)
  }

  #disagree(direction: "admitted" | "denied", amount: number): void {
    this.#disagreements[direction] += 1
    if (this.#examples.length >= 3) return
    const used = this.#bucket?.at(this.#now, 0) ?? this.#uses.at(this.#now)
    const call = { tool: "", by: 0, values: { amount, used, out: this.#out }, country: null }
    const [turn, at] = [this.#turn, this.#now - START]
    const threshold = this.#limit
    this.#examples.push({
      turn,
      direction,
      threshold,
      at,
      call,
      reason: null,
      sinceWake: 0,
      sinceChange: 0,
      sinceStep: 0,
    })
  }
}
