/**
 * What Cloudflare bills on the paid plan, beyond what is included, in US dollars. Where the price list has another
 * price, this is the only place to change.
 */
export const PRICES = {
  source: "https://developers.cloudflare.com/workers/platform/pricing/",
  objects: "https://developers.cloudflare.com/durable-objects/platform/pricing/",
  /** When both pages were read. */
  asOf: "2026-11-28",
  perMillion: {
    /** To a Worker. */
    requests: 0.3,
    cpuMilliseconds: 0.02,
    /** To Durable Objects: calls of their methods, and alarms. */
    objectRequests: 0.15,
    /** Deletes and alarms that are set among them. */
    rowsWritten: 1,
    rowsRead: 0.001,
    /** Of memory, of which an object has `objectGigabytes` while it runs or cannot hibernate. */
    gigabyteSeconds: 12.5,
    kvReads: 0.5,
  },
  objectGigabytes: 0.128,
} as const

/** What a month of the paid plan has besides, in US dollars. Read in stored copies of these pages, on this day. */
export const MONTH = {
  sources: {
    workers: PRICES.source,
    objects: PRICES.objects,
    kv: "https://developers.cloudflare.com/kv/platform/pricing/",
    r2: "https://developers.cloudflare.com/r2/pricing/",
  },
  asOf: "2026-11-30",
  /** The least that an account pays. */
  plan: 5,
  /** Of each kind, as of `Billed` and in its units, what the plan includes. */
  included: {
    requests: 10_000_000,
    cpuMilliseconds: 30_000_000,
    objectRequests: 1_000_000,
    rowsWritten: 50_000_000,
    rowsRead: 25_000_000_000,
    gigabyteSeconds: 400_000,
    kvReads: 10_000_000,
  },
  /** A gigabyte for a month in objects. */
  storage: { price: 0.2, included: 5 },
  r2: { storage: { price: 0.015, included: 10 }, perMillionWrites: { price: 4.5, included: 1_000_000 } },
} as const

/** Of one call. */
export interface Billed {
  readonly requests: number
  readonly cpuMilliseconds: number
  readonly objectRequests: number
  readonly rowsWritten: number
  readonly rowsRead: number
  /** In which objects could not hibernate. */
  readonly objectSeconds: number
  readonly kvReads: number
}

/** Dollars for a million of such calls. */
export function priceOfMillion({ objectSeconds, ...billed }: Billed): number {
  const gigabyteSeconds = objectSeconds * PRICES.objectGigabytes
  const { perMillion } = PRICES
  return (
    billed.requests * perMillion.requests +
    billed.cpuMilliseconds * perMillion.cpuMilliseconds +
    billed.objectRequests * perMillion.objectRequests +
    billed.rowsWritten * perMillion.rowsWritten +
    billed.rowsRead * perMillion.rowsRead +
    gigabyteSeconds * perMillion.gigabyteSeconds +
    billed.kvReads * perMillion.kvReads
  )
}
