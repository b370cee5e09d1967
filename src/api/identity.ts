/**
 * The authenticated caller of a management request. Whatever happens to the request afterwards, its record names this
 * caller: a record without a name is stored with those of unauthenticated callers.
 */
import type { BearerToken } from "../audit/edge-recorder.ts"
import type { DecisionRecord } from "../core/record/record.ts"

interface Identity extends Partial<Pick<DecisionRecord, "operator" | "chain" | "user">> {
  /** The token that names the agent, if the ledger has not confirmed that it is alive. */
  readonly token?: BearerToken
}

const proven = new WeakMap<Request, Identity>()

export function identify(request: Request, identity: Identity): void {
  proven.set(request, identity)
}

export function identityOf(request: Request): Identity {
  return proven.get(request) ?? {}
}
