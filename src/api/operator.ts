/**
 * Operators: who may manage. An access token of a configured OIDC provider says who it is, `operators.yaml` which roles
 * they have, and policy whether they may do this very thing; each of the three can only refuse.
 */
import type { RequestContext } from "../request-context.ts"
import { verifyOperator, type KnownOperator } from "../credentials/operator-token.ts"
import { isRejected, type CredentialRejection } from "../core/denials/terms/credential-rejection.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Role } from "../core/policy/definition/operators.ts"
import { userId } from "../core/policy/principals.ts"
import { type ManagedThing, type OperatorFacts, mayManage } from "../core/policy/management.ts"
import { currentSwitches } from "../revocation/lease.ts"
import { personStoppedBy } from "../core/signals/switch.ts"
import { denialBy } from "../revocation/token-stop.ts"
import { identify } from "./identity.ts"
import { isApiError, type ApiError, type CallerError } from "./outcome.ts"

/** Proven, and of a role that suffices; policy has not been asked. */
export interface Authenticated {
  readonly proven: OperatorFacts
  readonly method: string
}

/** What a record says of an operator who may, and by which rules. */
export interface Permitted {
  readonly operator: string
  readonly rules: readonly string[]
}

/** The bearer token of the one Authorization header; null where there is none, more, or one of another scheme. */
export function bearerOf(request: Request): string | null {
  return /^Bearer +([A-Za-z0-9._-]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? null
}

/** Whoever has a role may all that those before it may. */
const ENOUGH: Readonly<Record<Role, readonly Role[]>> = {
  viewer: ["viewer", "approver", "operator"],
  approver: ["approver", "operator"],
  operator: ["operator"],
}

/** Where it is known from the start what the request is about. */
export async function authorizeOperator(
  request: Request,
  role: Role,
  thing: ManagedThing,
  bundle: Bundle,
  context: RequestContext,
): Promise<Permitted | CallerError> {
  const authenticated = await authenticateOperator(request, role, bundle, context)
  return isApiError(authenticated) ? authenticated : permitOperator(authenticated, thing, bundle)
}

/** Whoever fails here must not make us read a body; whoever passes needs `permitOperator` before anything is done. */
export async function authenticateOperator(
  request: Request,
  role: Role,
  bundle: Bundle,
  context: RequestContext,
): Promise<Authenticated | CallerError> {
  const { config, fetchContext } = context
  const token = bearerOf(request)
  if (token === null) return refused("missing_token", { reason: "operator_rejected", because: null })
  const verified = await verifyOperator(token, bundle.issuers, bundle.operators, config.issuer, fetchContext)
  if (isRejected(verified)) {
    const because = verified.rejected
    return refused(because.reason === "keys_unavailable" ? "unavailable" : "invalid_token", {
      reason: "operator_rejected",
      because,
    })
  }
  identify(request, { operator: userId(verified) })
  return lacks(verified, role) ?? (await stopped(verified, context)) ?? { proven: verified, method: request.method }
}

/** Who is stopped as a user manages nothing either: whoever has their login has both. */
async function stopped(operator: KnownOperator, context: RequestContext): Promise<CallerError | null> {
  const switches = await currentSwitches(context)
  if (!switches) return UNKNOWN
  const user = userId(operator)
  const [by] = operator.names.flatMap((name) => personStoppedBy(switches, userId(name), operator.since) ?? [])
  if (!by) return null
  const description = "This person's sessions are stopped."
  return { error: "invalid_token", description, denial: denialBy(by), record: { operator: user } }
}

const UNKNOWN: CallerError = {
  error: "unavailable",
  description: "It cannot be seen at the moment who is stopped.",
  denial: { reason: "switches_unavailable" },
}

/** Null where one of their roles suffices. */
export function lacks(proven: OperatorFacts, role: Role): ApiError<"policy_denied"> | null {
  if (proven.roles.some((held) => ENOUGH[role].includes(held))) return null
  const denial = { reason: "role_missing", what: role } as const
  const description = `The role ${role} is required.`
  return { error: "policy_denied", description, denial, record: { operator: userId(proven) } }
}

/** Cedar's action `manage`: no rule, no permission. */
export function permitOperator(
  { proven, method }: Authenticated,
  thing: ManagedThing,
  bundle: Bundle,
): Permitted | ApiError<"policy_denied"> {
  const { principal, denial, rules } = mayManage(bundle, proven, method, thing)
  const operator = userId(proven)
  if (!denial) return { operator, rules }
  const description = "Policy does not permit this operator to do that."
  return { error: "policy_denied", description, denial, record: { operator, principal, rules } }
}

function refused(
  error: "missing_token" | "invalid_token" | "unavailable",
  denial: { readonly reason: "operator_rejected"; readonly because: CredentialRejection | null },
): CallerError {
  const isOutage = error === "unavailable"
  const description = isOutage ? "The issuer's keys are out of reach." : "An operator's access token is required."
  return { error, description, denial }
}
