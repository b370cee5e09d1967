/** A gateway's answer to one call: whether it was allowed, and what came back. */
export interface GatewayAnswer {
  readonly status: number
  /** Narrowgate's; null if Narrowgate was not asked, or allowed the call. */
  readonly code: string | null
  readonly decision: string | null
  /** From the upstream or the gateway: untrusted. */
  readonly text: string
}

export function answerOf({ status, headers }: Response, text: string): GatewayAnswer {
  return { status, code: headers.get("x-narrowgate-code"), decision: headers.get("x-narrowgate-decision"), text }
}

/** A call that the upstream rejects was allowed nevertheless. */
export function isAllowed({ code, decision }: GatewayAnswer): boolean {
  return code === null && decision !== null
}
