/** A decision on the call of a tool, whichever way Narrowgate was asked, and the denial that stands for no answer. */
import { CODES } from "../src/core/denials/terms/code.ts"
import { denialText } from "../src/core/denials/denial-text.ts"
import { isObject } from "../src/core/encoding/json.ts"
import { callerOfHeaders, type ReadHeader, type Caller } from "./caller.ts"

/** The call of a tool. */
export interface ToolCall {
  /** The tool's name in the catalog: `server.tool`. */
  readonly tool: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** `Authorization` of the request, scheme included; null if it has none. */
  readonly authorization: string | null
  /** Its `DPoP`, for a bound token; null if it has none. */
  readonly dpop: string | null
}

/** What other answers have as their body: the code in `error`. */
export type DenialMembers = Readonly<Record<string, unknown>> & { readonly error: string }

export type ToolDecision =
  /** The caller is null if Narrowgate only observes, and has not accepted the credential. */
  | { readonly allowed: true; readonly caller: Caller | null }
  | {
      readonly allowed: false
      readonly denial: DenialMembers
      /** One paragraph for the model. */
      readonly text: string
    }

/** Asks Narrowgate. A rejection, or an answer that is none, denies the call. */
export interface Decisions {
  decide(call: ToolCall): Promise<ToolDecision>
  /** Reports that an allowed call has ended. Absent: it is in flight for its tool's `duration`. */
  settle?(caller: Caller): Promise<void>
  /** Gets what a rejection of one of them was, for the server's own log: the client is told only that nothing was decided. */
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

/** The denial of a call about which nothing is known but this. */
export function ownDenial(code: "unavailable" | "malformed_call", tool: string): ToolDecision {
  const { sentence } = CODES[code]
  return deniedBy({ error: code, error_description: sentence }, tool, () => null)
}

/**
 * @param denial what Narrowgate answered
 * @param header of that answer
 */
export function deniedBy(denial: DenialMembers, tool: string, header: ReadHeader): ToolDecision {
  const { error: code, error_description, decision_id, scope, approval } = denial
  const links = isObject(approval) ? approval : null
  const text = denialText({
    code,
    description: textOr(error_description, ""),
    subject: { tool, method: null },
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
 * Without its check, a key that no environment variable has would deny every call, and no log would say why.
 * @param options what both ways to ask have in common
 * @param make gets the timeout
 * @throws TypeError if an option is not what it has to be
 */
export function decisionsOf(
  { key, timeout = DEFAULT_MS, settles = false, onFailure }: DecisionOptions & { readonly key: string },
  make: (timeout: number) => Required<Pick<Decisions, "decide" | "settle">>,
): Decisions {
  if (typeof key !== "string" || !/^[\x21-\x7e]+$/.test(key)) throw new TypeError("`key` is visible ASCII, not empty")
  if (!(timeout >= 1 && timeout <= LONGEST_MS)) throw new TypeError(`\`timeout\` is 1 to ${LONGEST_MS} milliseconds`)
  const { decide, settle } = make(timeout)
  return { decide, ...(settles && { settle }), ...(onFailure && { onFailure }) }
}
