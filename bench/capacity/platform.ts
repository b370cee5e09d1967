/** What the platform and the Worker bear; each with its source. */
import { SENT_WITHIN_MS } from "../../src/audit/sealed-ids.ts"
import { MAX_PACE } from "../../src/ledger/pace.ts"

export const PLATFORM = {
  source: "https://developers.cloudflare.com/durable-objects/reference/faq/, …/durable-objects/platform/limits/",
  asOf: "2026-11-30",
  /** A soft limit of one object. */
  objectRequestsPerSecond: 1_000,
  /** Of the database of one object. */
  objectGigabytes: 10,
} as const

/** The Worker's own limits, which a test compares with docs/reference/limits.md. */
export const OWN = {
  agentCallsPerSecond: MAX_PACE.agent,
  logRecords: 100_000,
  logCharactersForSinks: 2_000_000_000,
  approvalsPendingInInbox: 500,
  /** Days that a log knows the id of a record. */
  logIdDays: SENT_WITHIN_MS / 86_400_000,
} as const

/** Measured on workerd (docs/operate/capacity.md#what-one-object-bears), or counted in the code where it says so. */
export const MEASURED = {
  /** Records a second of one log: bench/README.md, `chaining`, 50 µs for each, without its request. */
  logRecordsPerSecond: 20_000,
  /** Bytes of a record in its log, with its part of the pages. */
  recordBytes: 1_600,
  /** By the code: the tail of a record's id with its part of a full segment's row, and what each cycle takes at least. */
  idBytes: 10,
  cycleBytes: 900,
  /** Of a ledger, without its journal; and of a row of the journal, which has at most 64. */
  ledgerBytes: 60_000,
  journalRowBytes: 4_400,
  journalRows: 64,
  /** Of a task that is not forgotten. */
  taskBytes: 2_000,
  /** Of an exported record, compressed: twice what records of calls that are alike took. */
  exportedBytes: 200,
} as const
