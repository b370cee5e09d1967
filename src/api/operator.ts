/**
 * Operators: who may use the management API. The access token of a configured OIDC provider identifies the operator,
 * `operators.yaml` lists their roles, and policy decides on each request; each of the three can only deny.
 */
import type { RequestContext } from "../request-context.ts"
import { verifyOperator, type KnownOperator } from "../credentials/operator-token.ts"
import { isRejected, type CredentialRejection } from "../core/denials/terms/credential-rejection.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { hasRole, type Role } from "../core/policy/definition/operators.ts"
import { userId } from "../core/policy/principals.ts"
import { type ManagedThing, type OperatorFacts, mayManage } from "../core/policy/management.ts"
import { currentSwitches } from "../revocation/lease.ts"
import { personStoppedBy } from "../core/signals/switch.ts"
import { denialBy } from "../revocation/token-stop.ts"
import { identify } from "./identity.ts"
import { isApiError, type ApiError, type CallerError } from "./outcome.ts"

/** An operator whose token is valid and whose role suffices; policy is still to be evaluated. */
export interface AuthenticatedOperator {
  readonly proven: OperatorFacts
  /** As policy sees it, see `methodForPolicy`. */
  readonly method: string
}

/** What a record says of an operator whom policy permits, and the rules that permit it. */
export interface PermittedOperator {
  readonly operator: string
  readonly rules: readonly string[]
}

/**
 * Returns the bearer token of the one Authorization header; null if there is none, several, or one of another scheme.
 */
export function bearerOf(request: Request): string | null {
  return /^Bearer +([A-Za-z0-9._-]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? null
}

/**
 * A HEAD is a GET without its content (RFC 9110, section 9.3.2), and its status discloses whether a thing exists. So the
 * rules about GET decide on it.
 */
function methodForPolicy(method: string): string {
  return method === "HEAD" ? "GET" : method
}

/** Authenticates and authorizes an operator when the path alone names what the request is about. */
export async function authorizeOperator(
  request: Request,
  role: Role,
  thing: ManagedThing,
  bundle: Bundle,
  context: RequestContext,
): Promise<PermittedOperator | CallerError> {
  const authenticated = await authenticateOperator(request, role, bundle, context)
  return isApiError(authenticated) ? authenticated : permitOperator(authenticated, thing, bundle)
}

/**
 * Authenticates an operator before the body is read, so that a stranger cannot make the Worker read one. Nothing may be
 * done before `permitOperator` has permitted it.
 */
export async function authenticateOperator(
  request: Request,
  role: Role,
  bundle: Bundle,
  context: RequestContext,
): Promise<AuthenticatedOperator | CallerError> {
  const { config, fetchContext } = context
  const token = bearerOf(request)
  if (token === null) return credentialError("missing_token", { reason: "operator_rejected", because: null })
  const verified = await verifyOperator(token, bundle.issuers, bundle.operators, config.issuer, fetchContext)
  if (isRejected(verified)) {
    const because = verified.rejected
    return credentialError(because.reason === "keys_unavailable" ? "unavailable" : "invalid_token", {
      reason: "operator_rejected",
      because,
    })
  }
  identify(request, { operator: userId(verified) })
  return (
    roleMissing(verified, role) ??
    (await stopOfOperator(verified, context)) ?? { proven: verified, method: methodForPolicy(request.method) }
  )
}

/** An operator whose sessions are revoked as a user manages nothing either: a thief of their login would have both. */
async function stopOfOperator(operator: KnownOperator, context: RequestContext): Promise<CallerError | null> {
  const switches = await currentSwitches(context)
  if (!switches) return SWITCHES_UNAVAILABLE
  const user = userId(operator)
  const [by] = operator.names.flatMap((name) => personStoppedBy(switches, userId(name), operator.since) ?? [])
  if (!by) return null
  const description = "This person's sessions are stopped."
  return { error: "invalid_token", description, denial: denialBy(by), record: { operator: user } }
}

const SWITCHES_UNAVAILABLE: CallerError = {
  error: "unavailable",
  description: "It cannot be seen at the moment who is stopped.",
  denial: { reason: "switches_unavailable" },
}

/** Returns null if one of the operator's roles suffices. */
export function roleMissing(proven: OperatorFacts, role: Role): ApiError<"policy_denied"> | null {
  if (hasRole(proven.roles, role)) return null
  const denial = { reason: "role_missing", what: role } as const
  return { error: "policy_denied", denial, record: { operator: userId(proven) } }
}

/** Evaluates policy for Cedar's action `manage`; without a rule that permits it, it is denied. */
export function permitOperator(
  { proven, method }: AuthenticatedOperator,
  thing: ManagedThing,
  bundle: Bundle,
): PermittedOperator | ApiError<"policy_denied"> {
  const { principal, denial, rules } = mayManage(bundle, proven, method, thing)
  const operator = userId(proven)
  if (!denial) return { operator, rules }
  return { error: "policy_denied", denial, record: { operator, principal, rules } }
}

function credentialError(
  error: "missing_token" | "invalid_token" | "unavailable",
  denial: { readonly reason: "operator_rejected"; readonly because: CredentialRejection | null },
): CallerError {
  const isOutage = error === "unavailable"
  const description = isOutage ? "The issuer's keys are out of reach." : "An operator's access token is required."
  return { error, description, denial }
}
