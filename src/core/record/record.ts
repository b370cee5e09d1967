/**
 * The decision record: everything that is needed to explain a decision, from the record alone (DESIGN §2, promise 6).
 * Never a token, a proof or a key; `docs/reference/decision-record.md` tells the schema to its readers.
 */
import { fits } from "../encoding/bytes.ts"
import type { Approval } from "../task/approval.ts"
import type { CredentialRejection } from "../denials/credential-rejection.ts"
import type { Denial } from "../denials/denial.ts"
import type { OAuthError } from "../denials/oauth-error.ts"
import type { Use, WindowUse } from "../guardrails/kind.ts"
import type { Pointer } from "../policy/bundle.ts"
import type { EventRefusal } from "../denials/set-error.ts"
import { fitted, shortArguments, shortened, shortList, shortText } from "./truncation.ts"

/** Why a request to manage was refused. */
export type ManagementDenial =
  | { readonly reason: "operator_rejected"; readonly because: CredentialRejection | Denial | null }
  | { readonly reason: "role_missing" | "not_found" | "request_malformed"; readonly what: string }
  | { readonly reason: "too_many_comparisons" }
  /** There is a publication of this number already, or of a higher one. */
  | { readonly reason: "outrun"; readonly seq: number }
  /** This one is frozen: no agent ends it, nor a task above or below it. */
  | { readonly reason: "task_quarantined"; readonly task: string }
  /** It waits for a person's consent: there is nothing to freeze, and an operator revokes it instead. */
  | { readonly reason: "task_pending"; readonly task: string }
  /** A form that came from no page of the person's session. */
  | { readonly reason: "form_refused"; readonly what: string }
  | { readonly reason: "sign_in_failed"; readonly what: string; readonly because: CredentialRejection | null }

/** The client that a request named, or that its token was for, and that nobody has proven to have made it. */
export interface ClaimedClient {
  readonly claimed_client?: string
}

/** A candidate, and what it would have changed; null: nothing. */
export interface ShadowResult {
  readonly bundle: Pointer
  readonly differs: Differing | null
}

/** Of a call another code, of a token request another scope or none: as in a record. */
export type Differing = Pick<DecisionRecord, "decision" | "code" | "denial" | "principal" | "rules" | "scope">

/** People's consent to the call, used by it. */
export interface UsedApproval extends Pick<Approval, "id" | "name" | "guardrail"> {
  readonly by: readonly string[]
}

/** Of a record that a ledger has made: no other record of its tree has the same. */
export interface RecordPlace {
  /** Which of the ledger's lives made it, from 1: a life ends when the object is evicted, or dies. */
  readonly life: number
  /** Its number among the records of that life, from 1. */
  readonly number: number
}

export interface DecisionRecord {
  /** `dec_<ulid>`; also in the answer's X-Narrowgate-Decision. */
  readonly id: string
  /** Milliseconds since the epoch, by the clock of whoever decided. */
  readonly at: number
  /** The life of the tree's ledger that made it; null if no ledger was asked. */
  readonly life: RecordPlace["life"] | null
  /** Number among the records of that life; one that is missing is a record that is lost. Null if no ledger was asked. */
  readonly number: RecordPlace["number"] | null
  readonly kind: "call" | "exchange" | "approval" | "end" | "management"
  readonly decision: "allow" | "deny"
  /** `ok`, or the code on the wire. */
  readonly code: string
  /** Why, with its evidence; null for an allow. */
  readonly denial: ((Denial | OAuthError | ManagementDenial) & ClaimedClient) | EventRefusal | null
  /** `observe`: the gateway let the call through whatever was decided. */
  readonly mode: "enforce" | "observe"
  readonly gateway: string | null
  readonly environment: string | null
  /** Who managed: an operator's issuer and subject, joined by `|`; `stream|` and its id where a stream of events told. */
  readonly operator: string | null
  readonly method: string | null
  /** Path without query: a query can hold secrets. */
  readonly path: string | null
  readonly tool: string | null
  readonly action: string | null
  readonly sensitivity: string | null
  readonly task: string | null
  readonly purpose: string | null
  /** Of a token request that was granted: what was granted, in scopes, and for which audience. */
  readonly scope: string | null
  readonly audience: string | null
  /** Issuer and subject, joined by `|`. */
  readonly user: string | null
  /** Of the user, as their session named them. */
  readonly groups: readonly string[]
  /**
   * Agents from the root task's to the calling one, proven by a credential of this very request. If a person or a stream
   * acted (`operator`), or a task ended: the agents of that task, or the agent, that this was done to.
   */
  readonly chain: readonly string[]
  /**
   * Hex HMAC-SHA-256 of the decision and the arguments in canonical JSON (RFC 8785), with a secret of the Worker; null if
   * there were none, they were not seen, or the secret was unavailable.
   */
  readonly arguments_hash: string | null
  /** How many arguments there were that `arguments` has not; null if they were not seen in full, or no ledger was asked. */
  readonly arguments_omitted: number | null
  /** The arguments that a rule for the tool or a bound of the grant reads, without those the catalog redacts. */
  readonly arguments: Readonly<Record<string, unknown>>
  /** What rules for the tool read of the context besides, and a record does not tell otherwise, by its name there. */
  readonly facts: Readonly<Record<string, unknown>>
  readonly bundle: Pointer | null
  /** The principal that was not permitted; null where policy permitted all or was not asked. */
  readonly principal: string | null
  /** Ids of the rules that determined the answer of policy. */
  readonly rules: readonly string[]
  readonly windows: readonly WindowUse[]
  /** How every other guardrail stood to the call that had to be asked. */
  readonly guardrails: readonly Use[]
  readonly calls: { readonly used: number; readonly limit: number | null } | null
  /** By which it passes what rules or guardrails would have denied: who said yes. */
  readonly approvals: readonly UsedApproval[]
  /** What the tree had done before this call. */
  readonly labels: readonly string[]
  /**
   * Of a question which tools may be called: tools asked about, and of those that may not, how many for which reason.
   */
  readonly listing: { readonly asked: number; readonly hidden: Readonly<Record<string, number>> } | null
  /** What a candidate bundle would have decided, where one was tried beside the live one. */
  readonly candidate: ShadowResult | null
  /** Names of the fields that are not told whole: what was in them was too long. */
  readonly cut: readonly string[]
  /** Hex SHA-256 of the delegation token, its first 16 digits: tells two tokens apart, opens nothing. */
  readonly token_hash: string | null
  /** The call proved possession of the token's key. */
  readonly bound: boolean
  /** From the question's arrival at the edge to the decision. */
  readonly total_ms: number
  /** The part of it spent waiting: for keys, for KV, for the way to the ledger. */
  readonly io_ms: number
}

/** A record of which only some is known. */
export function recordOf(known: Partial<DecisionRecord> & Pick<DecisionRecord, "id" | "at" | "kind">): DecisionRecord {
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

/** What callers can make long, cut: a record that cannot be stored would be worse than one that is not whole. */
export function bounded(record: Omit<DecisionRecord, "cut"> & Partial<DecisionRecord>): DecisionRecord {
  const { candidate, cut: before = [] } = record
  const differs = candidate?.differs
  const denial = differs ? shortDenial(differs.denial) : null
  const short = {
    path: record.path === null ? null : shortText(record.path),
    denial: shortDenial(record.denial),
    arguments: shortArguments(record.arguments),
    groups: shortList(record.groups),
    candidate: differs && denial !== differs.denial ? { ...candidate, differs: { ...differs, denial } } : candidate,
  }
  const cut = CUT_AT_ONCE.filter((name) => short[name] !== record[name] && !before.includes(name))
  return { ...record, ...short, cut: [...before, ...cut] }
}

const CUT_AT_ONCE = ["path", "denial", "arguments", "groups", "candidate"] as const

function shortDenial<D extends DecisionRecord["denial"]>(denial: D): D {
  const short = shortened(denial)
  return short === denial ? denial : Object.assign({}, denial, short)
}

/** As a record is where nothing more is known; what is so is not stored. */
const BLANK = {
  life: null,
  number: null,
  decision: "deny",
  code: "unavailable",
  denial: null,
  mode: "enforce",
  gateway: null,
  environment: null,
  operator: null,
  method: null,
  path: null,
  tool: null,
  action: null,
  sensitivity: null,
  task: null,
  purpose: null,
  scope: null,
  audience: null,
  user: null,
  groups: [],
  chain: [],
  arguments_hash: null,
  arguments_omitted: null,
  arguments: {},
  facts: {},
  bundle: null,
  principal: null,
  rules: [],
  windows: [],
  guardrails: [],
  calls: null,
  approvals: [],
  labels: [],
  listing: null,
  candidate: null,
  cut: [],
  token_hash: null,
  bound: false,
  total_ms: 0,
  io_ms: 0,
} as const satisfies Omit<DecisionRecord, "id" | "at" | "kind">

export interface StoredRecord {
  readonly id: string
  /** JSON of what of a DecisionRecord is not blank. */
  readonly body: string
}

/** Only ever what `storedForm` made: the body is our own. */
export function readStored({ body }: StoredRecord): DecisionRecord {
  const told: Partial<DecisionRecord> & Pick<DecisionRecord, "id" | "at" | "kind"> = JSON.parse(body)
  return { ...BLANK, ...told }
}

/**
 * Without what is blank, which would be a third of all that has to be moved and written: undefined, which JSON leaves out. A
 * copy keeps the record's shape, so that its members cost no look-up each.
 */
function shortForm(record: object): Readonly<Record<string, unknown>> {
  const short: Record<string, unknown> = { ...record }
  for (const [name, blank] of UNSAID) if (isBlank(short[name], blank)) short[name] = undefined
  return short
}

/** The log looks for these two by their values. */
const { decision: _decision, code: _code, ...unsaid } = BLANK
const UNSAID: readonly (readonly [string, unknown])[] = Object.entries(unsaid)

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
