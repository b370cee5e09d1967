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
