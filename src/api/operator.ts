/**
 * Operators: who may manage. An access token of a configured OIDC provider says who it is, `operators.yaml` which roles
 * they have, and policy whether they may do this very thing; each of the three can only refuse.
 */
import type { RequestContext } from "../request-context.ts"
import type { ManagementDenial } from "../core/denials/management-denial.ts"
import { verifyOperator, type KnownOperator } from "../credentials/operator-token.ts"
import { isRejected, type CredentialRejection } from "../core/denials/credential-rejection.ts"
import type { Denial } from "../core/denials/denial.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Role } from "../core/policy/definition/operators.ts"
import { userId } from "../core/policy/principals.ts"
import { type ManagedThing, type OperatorFacts, mayManage } from "../core/policy/management.ts"
import { currentSwitches } from "../revocation/lease.ts"
import { personStoppedBy } from "../core/signals/switch.ts"
import { denialBy } from "../revocation/token-stop.ts"
import { identify } from "./identity.ts"

export interface OperatorRefused {
  readonly status: 401 | 403 | 503
  readonly body: { readonly error: string; readonly error_description: string }
  readonly record: {
    readonly code: string
    readonly denial: ManagementDenial | Denial
    readonly operator?: string
    readonly principal?: string
    readonly rules?: readonly string[]
  }
}

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

/** Where it is known from the start what is asked for. */
export async function authorizeOperator(
  request: Request,
  role: Role,
  thing: ManagedThing,
  bundle: Bundle,
  context: RequestContext,
): Promise<Permitted | OperatorRefused> {
  const authenticated = await authenticateOperator(request, role, bundle, context)
  return "status" in authenticated ? authenticated : permitOperator(authenticated, thing, bundle)
}

/** Whoever fails here must not make us read a body; whoever passes needs `permitOperator` before anything is done. */
export async function authenticateOperator(
  request: Request,
  role: Role,
  bundle: Bundle,
  context: RequestContext,
): Promise<Authenticated | OperatorRefused> {
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
async function stopped(operator: KnownOperator, context: RequestContext): Promise<OperatorRefused | null> {
  const switches = await currentSwitches(context)
  if (!switches) return UNKNOWN
  const user = userId(operator)
  const [by] = operator.names.flatMap((name) => personStoppedBy(switches, userId(name), operator.since) ?? [])
  if (!by) return null
  const body = { error: "invalid_token", error_description: "This person's sessions are stopped." }
  return { status: 401, body, record: { code: "invalid_token", denial: denialBy(by), operator: user } }
}

const UNKNOWN: OperatorRefused = {
  status: 503,
  body: { error: "unavailable", error_description: "It cannot be seen at the moment who is stopped." },
  record: { code: "unavailable", denial: { reason: "switches_unavailable" } },
}

/** Null where one of their roles suffices. */
export function lacks(proven: OperatorFacts, role: Role): OperatorRefused | null {
  if (proven.roles.some((held) => ENOUGH[role].includes(held))) return null
  const denial = { reason: "role_missing", what: role } as const
  const body = { error: "policy_denied", error_description: `The role ${role} is required.` }
  return { status: 403, body, record: { code: "policy_denied", denial, operator: userId(proven) } }
}

/** Cedar's action `manage`: no rule, no permission. */
export function permitOperator(
  { proven, method }: Authenticated,
  thing: ManagedThing,
  bundle: Bundle,
): Permitted | OperatorRefused {
  const { principal, denial, rules } = mayManage(bundle, proven, method, thing)
  const operator = userId(proven)
  if (!denial) return { operator, rules }
  const body = { error: "policy_denied", error_description: "Policy does not permit this operator to do that." }
  return { status: 403, body, record: { code: "policy_denied", denial, operator, principal, rules } }
}

function refused(
  code: "missing_token" | "invalid_token" | "unavailable",
  denial: { readonly reason: "operator_rejected"; readonly because: CredentialRejection | null },
): OperatorRefused {
  if (code !== "unavailable") {
    const body = { error: code, error_description: "An operator's access token is required." }
    return { status: 401, body, record: { code, denial } }
  }
  const body = { error: code, error_description: "The issuer's keys are out of reach." }
  return { status: 503, body, record: { code, denial } }
}
