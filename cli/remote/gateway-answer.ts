/** A gateway's answer to one call: whether it was allowed, and what came back. */
import { z } from "zod"
import { isObject } from "../../src/core/encoding/json.ts"
import { parsedOrNull } from "./worker.ts"

export interface GatewayAnswer {
  readonly status: number
  /** Of a denial; null if there is none. */
  readonly code: string | null
  readonly decision: string | null
  /** From the upstream or the gateway: untrusted. */
  readonly text: string
  /** What a denial says of itself; null if the gateway does not pass it on. */
  readonly description: string | null
  /** The approval that a denial waits for; null if there is none, or the gateway does not pass it on. */
  readonly approval: RequestedApproval | null
}

export interface RequestedApproval {
  readonly task: string
  readonly id: string
  /** Where people decide. */
  readonly url: string
}

/**
 * @param body what came over the wire, if `text` is what a client made of it
 * @param inResult the denial in a tool's result, of a server that asks Narrowgate itself
 */
export function answerOf(
  { status, headers }: Response,
  text: string,
  body: string = text,
  inResult: unknown = null,
): GatewayAnswer {
  const code = headers.get("x-narrowgate-code")
  const decision = headers.get("x-narrowgate-decision")
  const denial = ofServer.safeParse(inResult)
  if (code === null && decision === null && denial.success) {
    const { error, decision_id: own = null, error_description: description } = denial.data
    return { status, code: error, decision: own, text, description, approval: approvalIn(JSON.stringify(inResult)) }
  }
  if (code === null) return { status, code, decision, text, description: null, approval: null }
  return { status, code, decision, text, description: descriptionIn(body), approval: approvalIn(body) }
}

const ofServer = z.object({
  error: z.string().regex(/^\w{1,64}$/u),
  error_description: z.string(),
  // Absent: the server could not ask, and denied the call itself.
  decision_id: z
    .string()
    .regex(/^dec_\w{1,64}$/u)
    .optional(),
})

/** A call that the upstream rejects was allowed nevertheless. */
export function isAllowed({ code, decision }: GatewayAnswer): boolean {
  return code === null && decision !== null
}

/** A denial has the same sentence in each of its forms: JSON, or a message of JSON-RPC. */
function descriptionIn(body: string): string | null {
  const json = parsedOrNull(body)
  if (!isObject(json)) return null
  const error = isObject(json["error"]) ? json["error"]["message"] : json["error_description"]
  return typeof error === "string" ? error : null
}

/** By the URL for people, which stands in each form of a denial. */
function approvalIn(body: string): RequestedApproval | null {
  const [url, task, id] = /https?:\/\/[^\s"\\]+\/console\/approvals\/(tsk_[\w.]*\w)\/(apr_\w+)/u.exec(body) ?? []
  return url === undefined || task === undefined || id === undefined ? null : { task, id, url }
}
