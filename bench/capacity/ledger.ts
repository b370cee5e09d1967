/**
 * One ledger, event by event: which requests and alarms reach it, which rows it writes, and when it sends records to its
 * log. The rules are those of docs/reference/facts.md#what-is-durable-when; the test of this folder holds what comes of
 * them against what was counted on the real Worker (docs/reference/costs.md).
 */
import type { CostsTable } from "./costs-table.ts"
import type { PlannedTask } from "./plan.ts"
import type { ObjectUse } from "./use.ts"

/** Rows that steps and alarms write, and read. */
const ROWS = {
  /** Tables, ledger, tree, task, journal, alarm. */
  firstTask: 7,
  /** Tree, task, journal. */
  nextTask: 3,
  renewal: 3,
  expiry: 1,
  /** The journal, as calls were counted, and what is left of them. */
  expiryAfterCalls: 2,
  forgotten: 2,
  setAlarm: 1,
  deleteAll: 1,
  readWhenWaking: 44,
  /** Of each task that is remembered, with what its guardrails remember. */
  readOfTask: 15,
  /** When it expires, and when it is forgotten, after calls. */
  readAtEnd: 50,
  readInStep: 7,
} as const

const HIBERNATES_AFTER_MS = 10_000
/** `RECORD_DELAY_SECONDS` of wrangler.toml. */
const RECORD_DELAY_MS = 60_000
const SEND_STORED_AFTER_MS = 250
const RETRY_AFTER_MS = 5_000
const READS_EVERY_MS = 450
const MANY_STORED = 16
/** A ring, which a waking reads. */
const JOURNAL_ROWS = 64
const REMEMBERED_MS = 3_600_000
const ALARM_GRID_MS = 60_000
/**
 * Up to so many calls a second, each writes a row of its own: three for one limit, more as several have blocks that end at
 * different calls.
 */
const ROW_EACH_UP_TO = 5
/** As docs/reference/costs.md counts it. */
export const LOOP = { calls: 500, perSecond: 100 } as const

export interface LedgerRules {
  /** Rows of a read of a ledger that is called as often as in the loop of docs/reference/costs.md, once it goes on. */
  readonly rowsInLoop: number
  /** A limit under 100, or a guardrail that remembers each call: a row for each call, in a loop too. */
  readonly rowEach: boolean
}

export interface LedgerUse {
  readonly use: ObjectUse
  /** When records are sent to the log: milliseconds; and whether the log has them already. */
  readonly appends: readonly { readonly at: number; readonly isRepeated: boolean }[]
}

interface Step {
  readonly at: number
  readonly task: PlannedTask
  readonly kind: PlannedTask["calls"][number]["kind"] | "open" | "renew"
}

class Ledger {
  readonly #rules: LedgerRules
  readonly use = { requests: 0, alarms: 0, wakings: 0, written: 0, read: 0, waited: 0 }
  readonly appends: { readonly at: number; readonly isRepeated: boolean }[] = []
  #awakeUntil = Number.NEGATIVE_INFINITY
  #alarmAt: number | null = null
  /** Records of reads that wait in the journal, and when they are to be sent. */
  #waiting = 0
  #recordsDueAt: number | null = null
  /** When the oldest record came that waits … */
  #waitingSince: number | null = null
  /** … and that of those that were sent, if no row has said so since: a waking sends them again. */
  #unmarkedSince: number | null = null
  #storedSendAt = Number.NEGATIVE_INFINITY
  #readsSendAt = Number.NEGATIVE_INFINITY
  /** Calls of the last second. */
  readonly #recent: number[] = []
  /** Of the journal, so far. */
  #rows = 0
  readonly #live = new Map<PlannedTask, { calls: number; ended: boolean; dueAt: number }>()

  constructor(rules: LedgerRules) {
    this.#rules = rules
  }

  step({ at, task, kind }: Step): void {
    this.passUntil(at)
    this.#request(at)
    if (kind === "open") {
      const isFirst = this.#live.size === 0
      const dueAt = onGrid(task.until)
      this.#live.set(task, { calls: 0, ended: false, dueAt })
      this.#write(isFirst ? ROWS.firstTask : ROWS.nextTask)
      this.#alarmAt = Math.min(this.#alarmAt ?? dueAt, dueAt)
      return this.#sendStored(at)
    }
    if (kind === "renew") {
      this.#write(ROWS.renewal)
      return this.#sendStored(at)
    }
    if (kind === "out_of_scope") return this.#append(at + SEND_STORED_AFTER_MS, false)
    const tree = this.#live.get(task)
    if (tree) tree.calls += 1
    this.#recent.push(at)
    while ((this.#recent[0] ?? at) <= at - 1000) this.#recent.shift()
    const rows = kind === "write" ? 1 : this.#rowsOfRead(this.#recent.length)
    this.#write(rows)
    if (kind === "write") return this.#sendStored(at)
    if (rows < 1) return this.#sendReads(at)
    this.#waiting += 1
    this.#waitingSince ??= at
    if (this.#waiting >= MANY_STORED) return this.#send(at)
    this.#recordsDueAt ??= at + RECORD_DELAY_MS
    this.#setAlarm(this.#recordsDueAt)
  }

  /** Until then, alarms come when they are due. */
  passUntil(time: number): void {
    for (let at = this.#alarmAt; at !== null && at <= time; at = this.#alarmAt) this.#alarm(at)
  }

  #alarm(at: number): void {
    this.#alarmAt = null
    this.#request(at, true)
    this.use.alarms += 1
    if (this.#waiting > 0) this.#send(at)
    this.#recordsDueAt = null
    for (const [task, tree] of this.#live) {
      if (tree.dueAt > at) continue
      if (tree.calls > 0) this.use.read += ROWS.readAtEnd
      if (tree.ended) {
        this.#live.delete(task)
        this.use.written += ROWS.forgotten
        continue
      }
      tree.ended = true
      tree.dueAt = onGrid(at + REMEMBERED_MS)
      if (tree.calls > 0) this.#write(ROWS.expiry + ROWS.expiryAfterCalls)
      else this.use.written += ROWS.expiry
    }
    const next = Math.min(...Array.from(this.#live.values(), ({ dueAt }) => dueAt))
    if (Number.isFinite(next)) return this.#setAlarm(next)
    if (this.#unmarkedSince === null) this.use.written += ROWS.deleteAll
    else {
      // They are being sent again, and may not have arrived.
      this.#unmarkedSince = null
      this.#setAlarm(at + RETRY_AFTER_MS)
    }
  }

  #request(at: number, isAlarm = false): void {
    this.use.requests += 1
    this.use.read += ROWS.readInStep
    if (at > this.#awakeUntil) {
      this.use.wakings += 1
      this.use.read += ROWS.readWhenWaking + ROWS.readOfTask * this.#live.size + Math.min(JOURNAL_ROWS, this.#rows)
      this.#sendLeftOver(at, isAlarm)
    }
    this.#awakeUntil = Math.max(this.#awakeUntil, at + HIBERNATES_AFTER_MS)
  }

  /** @param perSecond as of the last second */
  #rowsOfRead(perSecond: number): number {
    if (perSecond <= ROW_EACH_UP_TO || this.#rules.rowEach) return 1
    const share =
      Math.log(Math.min(perSecond, LOOP.perSecond) / ROW_EACH_UP_TO) / Math.log(LOOP.perSecond / ROW_EACH_UP_TO)
    return this.#rules.rowsInLoop ** share
  }

  #write(rows: number): void {
    this.use.written += rows
    this.#rows += Math.min(1, rows)
    if (rows >= 1) this.#unmarkedSince = null
  }

  #setAlarm(at: number): void {
    if (this.#alarmAt !== null && this.#alarmAt <= at) return
    this.#alarmAt = at
    this.use.written += ROWS.setAlarm
  }

  /** With all that come until then, and all reads that wait. */
  #sendStored(at: number): void {
    this.#waitingSince ??= at
    if (at < this.#storedSendAt) return this.#sent()
    this.#storedSendAt = at + SEND_STORED_AFTER_MS
    this.use.waited += SEND_STORED_AFTER_MS / 1000
    this.#send(this.#storedSendAt)
  }

  #sendReads(at: number): void {
    if (at < this.#readsSendAt) return
    this.#readsSendAt = at + READS_EVERY_MS
    this.use.waited += READS_EVERY_MS / 1000
    this.appends.push({ at: this.#readsSendAt, isRepeated: false })
  }

  #send(at: number): void {
    this.#waiting = 0
    this.#recordsDueAt = null
    this.#append(at, false)
    this.#sent()
  }

  #sent(): void {
    this.#unmarkedSince ??= this.#waitingSince
    this.#waitingSince = null
  }

  #sendLeftOver(at: number, isAlarm: boolean): void {
    if (this.#unmarkedSince === null) return
    const dueAt = this.#unmarkedSince + RECORD_DELAY_MS
    if (dueAt <= at) {
      this.use.waited += SEND_STORED_AFTER_MS / 1000
      this.#storedSendAt = at + SEND_STORED_AFTER_MS
      return this.#append(this.#storedSendAt, isAlarm)
    }
    this.#waiting += 1
    this.#recordsDueAt ??= dueAt
    this.#setAlarm(dueAt)
  }

  #append(at: number, isRepeated: boolean): void {
    this.#awakeUntil = Math.max(this.#awakeUntil, at + HIBERNATES_AFTER_MS)
    this.appends.push({ at, isRepeated })
  }
}

const onGrid = (at: number): number => Math.ceil(at / ALARM_GRID_MS) * ALARM_GRID_MS

/** All tasks of one ledger, until nothing is left of them. */
export function simulateLedger(tasks: readonly PlannedTask[], rules: LedgerRules): LedgerUse {
  const ledger = new Ledger(rules)
  const steps = tasks
    .flatMap((task): Step[] => [
      { at: task.at, task, kind: "open" },
      ...task.renewedAt.map((at): Step => ({ at, task, kind: "renew" })),
      ...task.calls.map(({ at, kind }): Step => ({ at, task, kind })),
    ])
    .toSorted((a, b) => a.at - b.at)
  for (const step of steps) ledger.step(step)
  ledger.passUntil(Number.POSITIVE_INFINITY)
  return { use: ledger.use, appends: ledger.appends }
}

/** So that a loop takes as many rows as was counted: in its first second each call takes more than later. */
export function rulesOf(table: CostsTable, rowEach: boolean): LedgerRules {
  const counted = table("read", "in a loop").written.ledger
  const rowsOf = (rowsInLoop: number): number => {
    const calls = Array.from({ length: LOOP.calls }, (_, index) => ({
      at: (index * 1000) / LOOP.perSecond,
      kind: "read" as const,
    }))
    const rules = { rowsInLoop, rowEach: false }
    const written = (all: PlannedTask["calls"]): number =>
      simulateLedger([{ at: -FIRST_CALL_MS, until: HOUR_MS, user: "", agent: "", renewedAt: [], calls: all }], rules)
        .use.written
    return (written(calls) - written([])) / LOOP.calls
  }
  let [low, high] = [0.001, 1]
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2
    if (rowsOf(middle) < counted) low = middle
    else high = middle
  }
  return { rowsInLoop: low, rowEach }
}
const FIRST_CALL_MS = 20_000
const HOUR_MS = 3_600_000
const BISECTIONS = 12
