/**
 * The decision record: everything that is needed to explain a decision, from the record alone (DESIGN §2, promise 6).
 * Never a token, a proof or a key; `FIELDS` says what each field is.
 */
import { fits } from "../encoding/bytes.ts"
import { BLANK, CUT_AT_ONCE, NOT_STORED_IF_BLANK, type DecisionRecord, type PartialRecord } from "./fields.ts"
import { fitted } from "./fitting.ts"

export type { DecisionRecord, Differing, RecordedDenial, RecordPlace, ShadowResult, UsedApproval } from "./fields.ts"

export function recordOf(known: PartialRecord): DecisionRecord {
  return bounded({ ...BLANK, ...known })
}

/**
 * The record of a denied request whose credential proves nobody: a token that was revoked, whose task has ended, or that
 * came with a proof used before. The agent that it was for is evidence of the denial, and the record is a stranger's:
 * whoever got hold of such a token must not write in that agent's name, nor move its counts or crowd out its records.
 */
export function disowned(record: DecisionRecord): DecisionRecord {
  const { chain, denial } = record
  const claimed = chain.at(-1)
  const told = denial && claimed !== undefined ? { denial: Object.assign({}, denial, { claimed_client: claimed }) } : {}
  return { ...record, ...told, chain: [], user: null, purpose: null, bound: false }
}

/** Cuts what callers can make long: a record that cannot be stored would be worse than one that is not whole. */
export function bounded(record: Omit<DecisionRecord, "cut"> & Partial<DecisionRecord>): DecisionRecord {
  const { cut: before = [] } = record
  const whole: Readonly<Record<string, unknown>> = record
  const short: Record<string, unknown> = {}
  for (const [name, shorten] of CUT_AT_ONCE) {
    const value = shorten(whole[name])
    if (value !== whole[name]) short[name] = value
  }
  const cut = Object.keys(short).filter((name) => !before.includes(name))
  return Object.assign({ ...record, cut: cut.length === 0 ? before : [...before, ...cut] }, short)
}

export interface StoredRecord {
  readonly id: string
  /** JSON of what of a DecisionRecord is not blank. */
  readonly body: string
}

/** Only ever what `storedForm` made: the body is our own. */
export function readStored({ body }: StoredRecord): DecisionRecord {
  const stored: PartialRecord = JSON.parse(body)
  return { ...BLANK, ...stored }
}

/**
 * Without what is blank, which would be a third of all that has to be moved and written: undefined, which JSON leaves out. A
 * copy keeps the record's shape, so that its members cost no look-up each.
 */
function shortForm(record: object): Readonly<Record<string, unknown>> {
  const short: Record<string, unknown> = { ...record }
  for (const [name, blank] of NOT_STORED_IF_BLANK) if (isBlank(short[name], blank)) short[name] = undefined
  return short
}

function isBlank(value: unknown, blank: unknown): boolean {
  return value === blank || (isObject(blank) && isObject(value) && Object.keys(value).length === 0)
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** Records on their way to the log: one JSON array of them, so that nobody has to read it on the way. */
export function batchOf(records: readonly StoredRecord[]): string {
  return `[${records.map(({ body }) => body).join(",")}]`
}

/**
 * A record is no longer, unless what says which call it was is: a batch of them must fit into one request to the log,
 * an answer into one from it.
 */
const MAX_BODY_BYTES = 16_384

export function storedForm(record: DecisionRecord): StoredRecord {
  const { id } = record
  const body = withoutSecrets(JSON.stringify(shortForm(record)))
  return { id, body: fits(body, MAX_BODY_BYTES) ? body : JSON.stringify(fitted(JSON.parse(body), MAX_BODY_BYTES)) }
}

/**
 * A code, refresh token or `auth_req_id` begins with the id of its task, and is easily sent in the place of one: then it
 * would stand in the record of the refusal, and whoever may read records could use it. Also one that was cut, or whose dot
 * was encoded or mistyped. The same holds for the key of a gateway, as `narrowgate init` makes them.
 */
function withoutSecrets(body: string): string {
  return body.replaceAll(TASK_SECRETS, "$1.[secret]").replaceAll(GATEWAY_KEYS, "ngk_[secret]")
}
const TASK_SECRETS = /(tsk_[0-9A-Z]{26})(?:\.[A-Z0-9_-]{8,}|[^\w"-]{1,8}[A-Z0-9_-]{30,})+/gi
const GATEWAY_KEYS = /ngk_[A-Za-z0-9_-]{8,}/g
