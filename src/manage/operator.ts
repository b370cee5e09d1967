/** Operators: who may manage, by an access token of a configured OIDC provider and a role in `operators.yaml`. */
import type { Surroundings } from "../surroundings.ts"
import type { ManagementDenial } from "../audit/record.ts"
import { verifyOperator } from "../credential/identity.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Role } from "../policy/bundle.ts"

export interface OperatorRefused {
  readonly status: 401 | 403 | 503
  readonly body: { readonly error: string; readonly error_description: string }
  readonly record: { readonly code: string; readonly denial: ManagementDenial; readonly operator?: string }
}

/** The bearer token of the one Authorization header; null where there is none, more, or one of another scheme. */
export function bearerOf(request: Request): string | null {
  return /^Bearer +([A-Za-z0-9._-]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? null
}

/** An operator may all that a viewer may. */
const ENOUGH: Readonly<Record<Role, readonly Role[]>> = { viewer: ["viewer", "operator"], operator: ["operator"] }

export async function authenticateOperator(
  request: Request,
  role: Role,
  bundle: Bundle,
  { config, receivedAt }: Surroundings,
): Promise<{ readonly operator: string } | OperatorRefused> {
  const token = bearerOf(request)
  const verified =
    token === null
      ? { rejected: "no token" }
      : await verifyOperator(token, bundle.issuers, bundle.operators, config, receivedAt)
  if ("rejected" in verified) {
    const denial = { reason: "operator_rejected", what: verified.rejected } as const
    if ("unavailable" in verified && verified.unavailable) {
      const body = { error: "unavailable", error_description: "The issuer's keys are out of reach." }
      return { status: 503, body, record: { code: "unavailable", denial } }
    }
    const error = token === null ? "missing_token" : "invalid_token"
    const body = { error, error_description: "An operator's access token is required." }
    return { status: 401, body, record: { code: error, denial } }
  }
  if (!verified.roles.some((held) => ENOUGH[role].includes(held))) {
    const denial = { reason: "role_missing", what: role } as const
    const body = { error: "policy_denied", error_description: `The role ${role} is required.` }
    return { status: 403, body, record: { code: "policy_denied", denial, operator: verified.operator } }
  }
  return { operator: verified.operator }
}
