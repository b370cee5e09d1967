/** Operators: who may manage, by an access token of a configured OIDC provider and a role in `operators.yaml`. */
import type { Surroundings } from "../surroundings.ts"
import type { ManagementDenial } from "../audit/record.ts"
import { readCompact } from "../credential/compact.ts"
import { verifyOperator } from "../credential/operator-token.ts"
import { isRejected, type Rejection } from "../credential/rejection.ts"
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
  { config, reach }: Surroundings,
): Promise<{ readonly operator: string } | OperatorRefused> {
  const token = bearerOf(request)
  if (token === null) return refused("missing_token", { reason: "operator_rejected", because: null })
  const compact = readCompact(token)
  const verified = isRejected(compact)
    ? compact
    : await verifyOperator(compact, bundle.issuers, bundle.operators, config.issuer, reach)
  if (isRejected(verified)) {
    const because = verified.rejected
    return refused(because.reason === "keys_unavailable" ? "unavailable" : "invalid_token", {
      reason: "operator_rejected",
      because,
    })
  }
  if (!verified.roles.some((held) => ENOUGH[role].includes(held))) {
    const denial = { reason: "role_missing", what: role } as const
    const body = { error: "policy_denied", error_description: `The role ${role} is required.` }
    return { status: 403, body, record: { code: "policy_denied", denial, operator: verified.operator } }
  }
  return { operator: verified.operator }
}

function refused(
  code: "missing_token" | "invalid_token" | "unavailable",
  denial: { readonly reason: "operator_rejected"; readonly because: Rejection | null },
): OperatorRefused {
  if (code !== "unavailable") {
    const body = { error: code, error_description: "An operator's access token is required." }
    return { status: 401, body, record: { code, denial } }
  }
  const body = { error: code, error_description: "The issuer's keys are out of reach." }
  return { status: 503, body, record: { code, denial } }
}
