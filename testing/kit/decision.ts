/** A gateway's answer as a test sees it. */
import type { Decision } from "../types.ts"
import { objectIn } from "./gateways.ts"
import type { GatewayResponse } from "./setup.ts"

export function decisionOf({ status, headers, body }: GatewayResponse): Decision {
  const code = headers["x-narrowgate-code"] ?? null
  const retryAfter = headers["retry-after"]
  return {
    allowed: code === null && status >= 200 && status < 300,
    id: headers["x-narrowgate-decision"] ?? "",
    code,
    description: code === null ? null : descriptionIn(body),
    approval: code === null ? null : approvalIn(body),
    retryAfter: retryAfter === undefined ? null : Number(retryAfter),
    status,
    headers,
    body,
  }
}

/** A denial has the same sentence in each of its forms: JSON, the data of an error of JSON-RPC, a result of MCP. */
function descriptionIn(body: string): string | null {
  try {
    const whole = objectIn(JSON.parse(body))
    const data = objectIn(whole["error"])["data"]
    const meta = objectIn(objectIn(whole["result"])["_meta"])["narrowgate/denial"]
    const sentence = objectIn(data ?? meta ?? whole)["error_description"]
    return typeof sentence === "string" ? sentence : null
  } catch {
    return null
  }
}

/** By the URL for people, which stands in each form of a denial. */
export function approvalIn(text: string): Decision["approval"] {
  const [url, task, id] = /https?:\/\/[^\s"\\]+\/console\/approvals\/(tsk_[\w.]*\w)\/(apr_\w+)/u.exec(text) ?? []
  return url === undefined || task === undefined || id === undefined ? null : { task, id, url }
}
