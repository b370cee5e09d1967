/** A month's bill of the paid plan, line by line. */
import { MONTH, PRICES } from "../costs/prices.ts"

/** Of a month. */
export interface MonthlyUse {
  readonly requests: number
  readonly cpuMilliseconds: number
  readonly objectRequests: number
  readonly rowsWritten: number
  readonly rowsRead: number
  readonly gigabyteSeconds: number
  readonly kvReads: number
  /** Gigabytes that objects store at the end of the month. */
  readonly stored: number
  readonly r2Stored: number
  readonly r2Writes: number
}

export interface BillLine {
  readonly what: string
  readonly amount: number
  readonly included: number
  /** US dollars. */
  readonly price: number
}

const MILLION = 1_000_000

export function billOf(use: MonthlyUse): readonly BillLine[] {
  const { perMillion } = PRICES
  const { included, storage, r2, plan } = MONTH
  const line = (what: string, amount: number, free: number, price: number): BillLine => ({
    what,
    amount,
    included: free,
    price: Math.max(0, amount - free) * price,
  })
  return [
    line("plan", 1, 0, plan),
    line("requests to the Worker", use.requests, included.requests, perMillion.requests / MILLION),
    line("CPU, ms", use.cpuMilliseconds, included.cpuMilliseconds, perMillion.cpuMilliseconds / MILLION),
    line("object requests", use.objectRequests, included.objectRequests, perMillion.objectRequests / MILLION),
    line("rows written", use.rowsWritten, included.rowsWritten, perMillion.rowsWritten / MILLION),
    line("rows read", use.rowsRead, included.rowsRead, perMillion.rowsRead / MILLION),
    line("object time, GB-s", use.gigabyteSeconds, included.gigabyteSeconds, perMillion.gigabyteSeconds / MILLION),
    line("KV reads", use.kvReads, included.kvReads, perMillion.kvReads / MILLION),
    line("stored in objects, GB", use.stored, storage.included, storage.price),
    line("stored in R2, GB", use.r2Stored, r2.storage.included, r2.storage.price),
    line("writes to R2", use.r2Writes, r2.perMillionWrites.included, r2.perMillionWrites.price / MILLION),
  ]
}

export const totalOf = (bill: readonly BillLine[]): number => bill.reduce((sum, { price }) => sum + price, 0)
