/** What a gateway answered to one call: whether it was let through, and what came back. */
export interface GatewayAnswer {
  readonly status: number
  /** Narrowgate's; null where it was not asked, or let the call through. */
  readonly code: string | null
  readonly decision: string | null
  /** Of whoever answered, the upstream or the gateway: hostile. */
  readonly text: string
}

export function answerOf({ status, headers }: Response, text: string): GatewayAnswer {
  return { status, code: headers.get("x-narrowgate-code"), decision: headers.get("x-narrowgate-decision"), text }
}

/** A refusal of the upstream is a call that was let through all the same. */
export function isAllowed({ code, decision }: GatewayAnswer): boolean {
  return code === null && decision !== null
}
