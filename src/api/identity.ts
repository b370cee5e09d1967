/**
 * Who has made a request to manage, once that is proven. Whatever becomes of the request after that, its record names them:
 * a record without a name rests among those of strangers, and says that nobody known has tried.
 */
import type { BearerToken } from "../audit/edge-recorder.ts"
import type { DecisionRecord } from "../core/record/record.ts"

interface Identity extends Partial<Pick<DecisionRecord, "operator" | "chain" | "user">> {
  /** By which it names an agent, if its ledger has not been asked whether it is alive. */
  readonly token?: BearerToken
}

const proven = new WeakMap<Request, Identity>()

export function identify(request: Request, identity: Identity): void {
  proven.set(request, identity)
}

export function identityOf(request: Request): Identity {
  return proven.get(request) ?? {}
}
