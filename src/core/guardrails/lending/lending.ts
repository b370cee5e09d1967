/**
 * Credit of a limit that all ledgers share: the protocol between a ledger and the object that keeps the count.
 * A ledger takes a block and uses it without further requests. Later it settles the block: it reports how much it has
 * used. Until the settlement arrives, the whole block counts as used now; from then on, its use counts as of that
 * moment. So no span exceeds the limit, whenever each use happened, and whatever becomes of ledger and answer.
 */
import type { Limit, Span } from "../limit-definition.ts"
import type { Demand } from "../meter/meter.ts"

/** Old object code may run for minutes beside new Worker code, so a request of another version is rejected. */
export const LENDING_VERSION = 4

export type LentSpan = Exclude<Span, { readonly kind: "life" }>

/** The definition, and the number of its bundle: the newest bundle's definition applies to older bundles, too. */
export interface LentLimit extends Pick<Limit, "measure" | "limit"> {
  readonly span: LentSpan
  readonly seq: number
}

/** How much of a block its ledger has used; it will use no more of it. 0 undoes the grant. */
export interface Settled {
  /** The id of the take that was granted the block. */
  readonly id: string
  readonly used: number
}

export interface Take {
  /** Chosen by the ledger and unique: a repeated take gets the same answer. */
  readonly id: string
  /** Root task of the tree whose ledger sends the take. */
  readonly holder: string
  readonly limit: LentLimit
  /** What the present call needs, in the measure's units; 0 if values are taken. */
  readonly amount: number
  /** What the ledger would like to get, at least `amount`; the rest is credit. */
  readonly want: number
  /** Less credit than this is of no use to the ledger, and is not lent. Absent if any is of use. */
  readonly least?: number
  /** The values of the call, each at most 512 characters. Present for the measure `distinct` only. */
  readonly values?: readonly string[]
  /**
   * Whether the block stays open although it is of exactly `amount`: the ledger may use it much later than it is
   * granted, because answers have been slow.
   */
  readonly open?: boolean
  /** Whether a person has approved the call: it is granted, and counts, even if there is no room. */
  readonly over?: boolean
  /**
   * Whether nothing is to be granted: the ledger only asks for room for `amount`, and 0 is granted if there is room.
   */
  readonly look?: boolean
  /** Who has counted alone before, if anybody: what it has counted is taken first, over the limit if need be. */
  readonly before?: CountedBefore
  /** Settlements, which are recorded before anything is granted, whether anything is granted or not. */
  readonly settled: readonly Settled[]
}

/** A count that one ledger has kept alone until it was lent. */
export interface CountedBefore {
  /** The id of the ledger. */
  readonly ledger: string
  readonly limit: Limit
  readonly key: string
}

export type TakeAnswer = Lent | NotLent

/**
 * A block. A block of exactly `amount` is closed, unless the take requests an open one: it counts as used when it was
 * granted, and is settled only to lower it. A larger block is open until it is settled, because any of it may be used
 * meanwhile.
 */
export interface Lent {
  /** At least `amount`; 0 if that is 0, and then nothing is stored. The number of values for the measure `distinct`. */
  readonly granted: number
  /** What counts without this block, including the open credit of all ledgers. */
  readonly used: number
  /** Milliseconds since the epoch by the object's clock, when it was granted. */
  readonly since: number
  /** Milliseconds for which credit is lent; then it is settled, used or not. 0 if no credit is lent at present. */
  readonly lasts: number
}

export interface NotLent {
  readonly granted: null
  readonly used: number
  /**
   * Milliseconds until `amount` fits, as far as is known: open credit may be returned sooner. Null if it never fits. 0
   * if the block of this take is settled already, so that the take can only be a late repetition.
   */
  readonly waits: number | null
}

/** A ledger's answer to the question what became of blocks that it has not settled in time. */
export interface CreditHolder {
  /**
   * By take: how much was used, which is final; null if it is still in use, or the take is not answered yet. A missing
   * take is unknown to the ledger, and its block will not be used whatever answer is still to come.
   */
  creditUsed(version: number, ids: string[]): Promise<Record<string, number | null>>
  /** What it has counted alone; it has stopped to do so. Null if it has not, or the request is of another version. */
  countedAlone(version: number, limit: Limit, key: string): Promise<Demand | null>
}
