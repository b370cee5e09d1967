/**
 * Who has made a request to manage, once that is proven. Whatever becomes of the request after that, its record names them:
 * a record without a name rests among those of strangers, and says that nobody known has tried.
 */
import type { DecisionRecord } from "../audit/record.ts"

type Identity = Partial<Pick<DecisionRecord, "operator" | "chain" | "user">>

const proven = new WeakMap<Request, Identity>()

export function identify(request: Request, identity: Identity): void {
  proven.set(request, identity)
}

export function identityOf(request: Request): Identity {
  return proven.get(request) ?? {}
}
