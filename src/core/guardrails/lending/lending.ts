/**
 * Credit of a limit that several trees share: what a tree's ledger and the object that keeps the count say to each
 * other. A ledger takes a block and uses it up when it likes, without asking; later it settles: says how much it has
 * used. Until that arrives all of the block counts as in use now; from then on what was used counts as used at that
 * moment. So no span holds more than the limit, whenever each use was, and whatever becomes of ledger and answer.
 */
import type { Limit, Span } from "../limit-definition.ts"

/** Old object code may run for minutes beside new Worker code: a question of another version is refused. */
export const LENDING_VERSION = 3

export type LentSpan = Exclude<Span, { readonly kind: "life" }>

/** The definition, and the number of the bundle that has it: the newest one's holds, for older bundles too. */
export interface LentLimit extends Pick<Limit, "measure" | "limit"> {
  readonly span: LentSpan
  readonly seq: number
}

/** How much of a block its ledger has used in the end: nothing more of it will be. 0 undoes the grant. */
export interface Settled {
  /** The take that was granted it. */
  readonly id: string
  readonly used: number
}

export interface Take {
  /** Chosen by the ledger, never used for another take: asked again, it is answered the same. */
  readonly id: string
  /** Root task of the tree whose ledger asks. */
  readonly holder: string
  readonly limit: LentLimit
  /** What the call at hand needs, in the measure's units; 0 where values are taken. */
  readonly amount: number
  /** What the ledger would like to hold, not less; more than `amount` is credit. */
  readonly want: number
  /** Credit of less than this is of no use to it, and is not lent. Absent: any is. */
  readonly least?: number
  /** Of a `distinct`, and only there: what the call has, each at most 512 characters. */
  readonly values?: readonly string[]
  /**
   * Whether the block stays open although it is of exactly `amount`: the ledger may use it much later than it is
   * granted, because answers have been slow.
   */
  readonly open?: boolean
  /** Whether a person has approved the call: it is granted, and counts, whether there is room for it or not. */
  readonly over?: boolean
  /** Whether nothing is to be granted: it asks only if there is room for `amount`, and is granted 0 if there is. */
  readonly look?: boolean
  /** Settled before anything is granted, whether anything is or not. */
  readonly settled: readonly Settled[]
}

export type TakeAnswer = Lent | NotLent

/**
 * A block. One of exactly `amount` is closed, unless the take wants it open: it was used the moment it was granted, and
 * is settled only to lower it. A bigger one is open until it is settled: any of it may be used meanwhile.
 */
export interface Lent {
  /** Not less than `amount`; 0 where that is 0, and nothing is kept of it then. Of a `distinct`, how many values. */
  readonly granted: number
  /** What counts without this block, open credit of all ledgers included. */
  readonly used: number
  /** Milliseconds by the object's clock: when it was granted. */
  readonly since: number
  /** Milliseconds for which credit is lent: it is settled then, used or not. 0: more than is needed is not lent now. */
  readonly lasts: number
}

export interface NotLent {
  readonly granted: null
  readonly used: number
  /**
   * Milliseconds until `amount` fits, as far as is known: open credit may come back sooner. Null: it never does. 0: the
   * block of this take is settled already, and the take can only have been late.
   */
  readonly waits: number | null
}

/** What a ledger says when it is asked what became of blocks that it has not settled in time. */
export interface CreditHolder {
  /**
   * By take: how much was used, and no more of it will be; null: it is still in use, or the take is under way. One that
   * is missing is not known here, and will not be used whatever answer is still to come.
   */
  creditUsed(version: number, ids: string[]): Promise<Record<string, number | null>>
}
