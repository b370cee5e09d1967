/**
 * The decision record: everything that is needed to explain a decision, from the record alone
 * (docs/architecture.md#the-promises, 6). Never a token, a proof or a key; `FIELDS` says what each field is.
 */
import { fits } from "../encoding/bytes.ts"
import { BLANK, CUT_AT_ONCE, NOT_STORED_IF_BLANK, type DecisionRecord, type PartialRecord } from "./fields.ts"
import { fitted } from "./fitting.ts"

export type {
  DecisionRecord,
  Differing,
  PartialRecord,
  RecordedDenial,
  RecordPlace,
  ShadowResult,
  UsedApproval,
} from "./fields.ts"

export function recordOf(known: PartialRecord): DecisionRecord {
  return bounded({ ...BLANK, ...known })
}

/**
 * Returns the record of a denied request whose credential identifies nobody: a revoked token, one whose task has ended,
 * or one with a replayed proof. The agent of the token becomes evidence of the denial, and the record is stored with
 * those of unauthenticated callers: a thief of such a token must not write records in the agent's name, change
 * its counts, or crowd out its records.
 */
export function withoutIdentity(record: DecisionRecord): DecisionRecord {
  const { chain, denial } = record
  const claimed = chain.at(-1)
  const evidence =
    denial && claimed !== undefined ? { denial: Object.assign({}, denial, { claimed_client: claimed }) } : {}
  return { ...record, ...evidence, chain: [], user: null, purpose: null, bound: false }
}

/** Cuts what callers can make long: a record that cannot be stored would be worse than an incomplete one. */
export function bounded(record: DecisionRecord): DecisionRecord {
  const whole: Readonly<Record<string, unknown>> = { ...record }
  const short: Record<string, unknown> = {}
  for (const [name, shorten] of CUT_AT_ONCE) {
    const value = shorten(whole[name])
    if (value !== whole[name]) short[name] = value
  }
  const all = Object.keys(short)
  if (all.length === 0) return record
  const cut = all.filter((name) => !record.cut.includes(name))
  return Object.assign({ ...record, cut: [...record.cut, ...cut] }, short)
}

export interface StoredRecord {
  readonly id: string
  /** JSON of the members of a DecisionRecord that are not blank. */
  readonly body: string
}

/** The text only ever comes from `storedForm`, so it is trusted. */
export function readStored({ body }: Pick<StoredRecord, "body">): DecisionRecord {
  return withBlanks(JSON.parse(body))
}

/** @param stored the members that are not blank */
export function withBlanks(stored: PartialRecord): DecisionRecord {
  return { ...BLANK, ...stored }
}

/**
 * Removes blank members, which would be a third of everything that is transferred and stored. They become undefined,
 * which JSON omits: the copy keeps the record's shape, so that its members cost no look-up each.
 */
function shortForm(record: object): Readonly<Record<string, unknown>> {
  const short: Record<string, unknown> = { ...record }
  for (const [name, blank] of NOT_STORED_IF_BLANK) if (isBlank(short[name], blank)) short[name] = undefined
  return short
}

function isBlank(value: unknown, blank: unknown): boolean {
  if (value === blank) return true
  if (Array.isArray(value)) return value.length === 0 && isObject(blank)
  return isObject(blank) && isObject(value) && Object.keys(value).length === 0
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/**
 * Joins records on their way to the log to one JSON array, so that nothing on the way has to parse them. No text of a
 * record has a line feed, so the log finds each again as it was.
 */
export function batchOf(records: readonly StoredRecord[]): string {
  return `[${records.map(({ body }) => body).join(BETWEEN)}]`
}
export const BETWEEN = ",\n"

/**
 * The texts of a batch's records.
 * @param count how many its sender says that it has; if it is another, the batch is one of another form
 */
export function textsOf(batch: string, count: number): readonly string[] {
  const texts = batch.slice(1, -1).split(BETWEEN)
  if (texts.length === count && batch.length > 2) return texts
  const records: readonly unknown[] = JSON.parse(batch)
  return records.map((record) => JSON.stringify(record))
}

/**
 * The most bytes of a record, unless the fields that identify the call are longer: a batch of records must fit into one
 * request to the log, and an answer into one response.
 */
const MAX_BODY_BYTES = 16_384

export function storedForm(record: DecisionRecord): StoredRecord {
  const { id } = record
  const body = withoutSecrets(JSON.stringify(shortForm(record)))
  return { id, body: fits(body, MAX_BODY_BYTES) ? body : JSON.stringify(fitted(JSON.parse(body), MAX_BODY_BYTES)) }
}

/**
 * A compact JWS that is sent in the wrong place, such as a path, loses its signature, however short it is: a reader of
 * records could present the token otherwise. A longer one is cut before its signature anyway.
 */
const COMPACT_JWS = /(e[w-z0-9_-][\w-]{14,}(?:\.|%2[Ee])[\w-]{16,}(?:\.|%2[Ee]))[\w-]{16,}/g

/**
 * An authorization code, refresh token or `auth_req_id` begins with the id of its task, and is easily sent in place of
 * one. It would then stand in the record of the error, where readers of records could use it. The pattern also matches
 * one that was cut, or whose dot was encoded or mistyped, and the key of a gateway as `narrowgate init` makes them.
 */
function withoutSecrets(body: string): string {
  return body
    .replaceAll(TASK_SECRETS, "$1.[secret]")
    .replaceAll(GATEWAY_KEYS, "ngk_[secret]")
    .replaceAll(COMPACT_JWS, "$1[secret]")
}
const TASK_SECRETS = /(tsk_[0-9A-Z]{26,36})(?:\.[A-Z0-9_-]{8,}|[^\w"-]{1,8}[A-Z0-9_-]{30,})+/gi
const GATEWAY_KEYS = /ngk_[A-Za-z0-9_-]{8,}/g
