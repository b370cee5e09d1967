/** A decision on the call of a tool, over HTTP or a binding alike, and the denial if there is no answer. */
import { CODES } from "../src/core/denials/terms/code.ts"
import { denialText, type DeniedSubject } from "../src/core/denials/denial-text.ts"
import { isObject, readLoosely } from "../src/core/encoding/json.ts"
import { callerOfHeaders, type ReadHeader, type Caller } from "./caller.ts"

/** What the client's request proves its caller with. */
export interface Credential {
  /** `Authorization` of the request, scheme included; null if it has none. */
  readonly authorization: string | null
  /** Its `DPoP`, for a bound token; null if it has none. */
  readonly dpop: string | null
}

/** By the names of their headers, in lower case. */
export function headersOf({ authorization, dpop }: Credential): Record<string, string> {
  return { ...(authorization !== null && { authorization }), ...(dpop !== null && { dpop }) }
}

/** The call of a tool. */
export interface ToolCall extends Credential {
  /** The tool's name in the catalog: `server.tool`. */
  readonly tool: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** What a server would answer to `tools/list`. */
export interface ToolList extends Credential {
  /** The server's name in the catalog. */
  readonly server: string
  /** With its `tools`. */
  readonly result: Readonly<Record<string, unknown>>
}

/** What other answers have as their body: the code in `error`. */
export type DenialMembers = Readonly<Record<string, unknown>> & { readonly error: string }

export type ToolDecision =
  /** The caller is null if Narrowgate only observes, and has not accepted the credential. */
  { readonly allowed: true; readonly caller: Caller | null } | DeniedDecision

export type ListDecision =
  /** The same result, with the tools that the caller may call. */
  { readonly allowed: true; readonly result: Readonly<Record<string, unknown>> } | DeniedDecision

export interface DeniedDecision {
  readonly allowed: false
  readonly denial: DenialMembers
  /** One paragraph for the model. */
  readonly text: string
}

/** Asks Narrowgate. A rejection, or an answer that is none, denies the call. */
export interface Decisions {
  decide(call: ToolCall): Promise<ToolDecision>
  /** Decides which tools of a list the caller may call. */
  list(list: ToolList): Promise<ListDecision>
  /** Reports that an allowed call has ended. Absent: it is in flight for its tool's `duration`. */
  settle?(caller: Caller): Promise<void>
  /** Gets why one of them failed, for the server's own log: the client's answer says only that nothing was decided. */
  onFailure?(cause: unknown): void
}

/** @param header of the answer: all of them stand in it, if necessary empty */
export function allowedBy(header: ReadHeader): ToolDecision {
  return { allowed: true, caller: header("X-Narrowgate-Agent") === "" ? null : callerOfHeaders(header) }
}

/** Of all ways to ask. */
export interface DecisionOptions {
  /** Milliseconds after which a call counts as denied: 6,000 by default, at most 30,000. */
  readonly timeout?: number
  /** Whether the end of each call is reported, as by a gateway with `settles: true`: false by default. */
  readonly settles?: boolean
  /** Gets why nothing was decided, or settled, for the server's own log. */
  readonly onFailure?: (cause: unknown) => void
}

/**
 * A call that is not in flight was settled before, has outlasted its tool's `duration`, or counts in no guardrail.
 * @param status of the answer to a settlement
 * @throws Error unless the call is no longer in flight
 */
export function checkSettled(status: number): void {
  if (status !== 200 && status !== 404) throw new Error(`Narrowgate answers a settlement with ${status}`)
}

export const LISTING: DeniedSubject = { tool: null, method: "tools/list" }

export const callOf = (tool: string): DeniedSubject => ({ tool, method: null })

/** The server's own denial of a call that Narrowgate has not decided on. */
export function ownDenial(code: "unavailable" | "malformed_call", subject: DeniedSubject): DeniedDecision {
  const { sentence } = CODES[code]
  return deniedBy({ error: code, error_description: sentence }, subject, () => null)
}

/** The list as the answer to a request: what Narrowgate cuts down. */
export const listingOf = ({ result }: ToolList): string => JSON.stringify({ jsonrpc: "2.0", id: 1, result })

/**
 * @param body that of Narrowgate's answer
 * @param header of that answer
 * @throws Error if it is none
 */
export function listedBy(allowed: unknown, body: string, header: ReadHeader): ListDecision {
  const message = readLoosely(body)
  if (allowed === true && isObject(message) && isObject(message["result"]) && Array.isArray(message["result"]["tools"]))
    return { allowed, result: message["result"] }
  if (allowed === false && isDenial(message)) return deniedBy(message, LISTING, header)
  throw new Error("Narrowgate's answer is neither a list nor a denial")
}

export const isDenial = (json: unknown): json is DenialMembers => isObject(json) && typeof json["error"] === "string"

/**
 * @param denial what Narrowgate answered
 * @param header of that answer
 */
export function deniedBy(denial: DenialMembers, subject: DeniedSubject, header: ReadHeader): DeniedDecision {
  const { error: code, error_description, decision_id, scope, approval } = denial
  const links = isObject(approval) ? approval : null
  const text = denialText({
    code,
    description: textOr(error_description, ""),
    subject,
    decision: typeof decision_id === "string" ? decision_id : null,
    approval: links && {
      status: textOr(links["status"], "pending"),
      expires_at: typeof links["expires_at"] === "number" ? links["expires_at"] : null,
      url: textOr(links["url"], ""),
    },
    scope: typeof scope === "string" ? scope : null,
    // A model that reads when to ask again would do so until people have answered.
    retryAfter: links ? null : secondsOf(header("Retry-After")),
  })
  return { allowed: false, denial, text }
}

const textOr = (value: unknown, otherwise: string): string => (typeof value === "string" ? value : otherwise)

/** Null if it is no number of seconds. */
function secondsOf(header: string | null): number | null {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) : null
}

/** @param headers by names in lower case */
export function headerReader(headers: Readonly<Record<string, unknown>>): ReadHeader {
  return (name) => {
    const value = headers[name.toLowerCase()]
    return typeof value === "string" ? value : null
  }
}

const LONGEST_MS = 30_000
/** Narrowgate decides within 4.5 s, or denies. */
const DEFAULT_MS = 6_000

/**
 * Checks the options that both kinds of decisions have. With a key that is undefined, as an environment variable can be,
 * every call would be denied, and no log would say why.
 * @param make gets the timeout
 * @throws TypeError if an option is not what it has to be
 */
export function decisionsOf(
  { key, timeout = DEFAULT_MS, settles = false, onFailure }: DecisionOptions & { readonly key: string },
  make: (timeout: number) => Required<Omit<Decisions, "onFailure">>,
): Decisions {
  if (typeof key !== "string" || !/^[\x21-\x7e]+$/.test(key)) throw new TypeError("`key` is visible ASCII, not empty")
  if (!(timeout >= 1 && timeout <= LONGEST_MS)) throw new TypeError(`\`timeout\` is 1 to ${LONGEST_MS} milliseconds`)
  const { decide, list, settle } = make(timeout)
  return { decide, list, ...(settles && { settle }), ...(onFailure && { onFailure }) }
}
