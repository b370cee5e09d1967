/**
 * People who decide on approvals. They present a token of their own, issued to a management client: a session
 * token may be in an agent's hands, and that agent could then consent to its own requests.
 */
import { approverName, type ApproverIdentity } from "../core/task/approvers.ts"
import { operatorBy } from "../credentials/operator-token.ts"
import { readPerson, type Person } from "../credentials/person.ts"
import { namesIn, personIn, verifyPersonToken, type PersonName, type PersonToken } from "../credentials/person-token.ts"
import { isRejected, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { userId } from "../core/policy/principals.ts"
import type { RequestContext } from "../request-context.ts"
import { currentSwitches } from "../revocation/lease.ts"
import { personStoppedBy, type Switch } from "../core/signals/switch.ts"
import { denialBy } from "../revocation/token-stop.ts"
import { identify } from "./identity.ts"
import type { Role } from "../core/policy/definition/operators.ts"
import { bearerOf, roleMissing, permitOperator, type PermittedOperator } from "./operator.ts"
import { isApiError, type ApiError, type CallerError } from "./outcome.ts"

/** Authenticates a person and their attributes, which an operator need not have. */
export async function personOf(
  request: Request,
  bundle: Bundle,
  context: RequestContext,
): Promise<Person | CallerError> {
  const token = await tokenOf(request, bundle, context)
  if (isApiError(token)) return token
  const person = personIn(token, context.fetchContext)
  if (isRejected(person)) return personRejected(person)
  return (await stopOfPerson(token, context)) ?? person
}

/** A person who may decide on approvals of single calls: as a user, as an operator, or as both. */
export interface ApprovingCaller {
  readonly identity: ApproverIdentity
  /**
   * The operator as which they may do it, or the error if none of their roles suffices; null if they are no operator.
   */
  readonly permitted: PermittedOperator | ApiError<"policy_denied"> | null
}

/** @param role that an operator needs, to read an approval (`viewer`) or to decide on it */
export async function approvingCallerOf(
  request: Request,
  role: Role,
  target: string | null,
  bundle: Bundle,
  context: RequestContext,
): Promise<ApprovingCaller | CallerError> {
  const token = await tokenOf(request, bundle, context)
  if (isApiError(token)) return token
  const found = personIn(token, context.fetchContext)
  const definition = operatorBy(token, bundle.operators)
  // Without these claims it is unknown whether this person is the task's own user, who may not approve.
  if (isRejected(found) && !(definition && cannotHaveSession(found))) return personRejected(found)
  const asserted = assertable(token, context)
  if (asserted && isRejected(asserted)) return personRejected(asserted)
  const person = isRejected(found) ? null : found
  const stop = await stopOfPerson(token, context)
  if (stop) return stop
  const permitted = definition && permittedAs({ ...definition, issuer: token.issuer.issuer }, role, target, bundle)
  const operator = permitted && !isApiError(permitted) ? permitted.operator : null
  const asUser = asserted && userId(asserted.user)
  return { identity: { person: person && person.user, operator, asUser }, permitted: permitted ?? null }
}

/** Returns what a record says of the person. */
export function recordedApprover({ identity, permitted }: ApprovingCaller): PermittedOperator {
  return { operator: approverName(identity), rules: permitted && !isApiError(permitted) ? permitted.rules : [] }
}

function permittedAs(
  operator: Bundle["operators"][number],
  role: Role,
  target: string | null,
  bundle: Bundle,
): PermittedOperator | ApiError<"policy_denied"> {
  const { issuer, subject, roles } = operator
  const proven = { issuer, subject, roles }
  const thing = { area: "approvals", kind: "approval", target } as const
  // Policy decides separately on reading and on deciding, even if the person only reads what waits.
  const method = role === "viewer" ? "GET" : "POST"
  return roleMissing(proven, role) ?? permitOperator({ proven, method }, thing, bundle)
}

async function tokenOf(
  request: Request,
  { issuers }: Bundle,
  context: RequestContext,
): Promise<PersonToken | CallerError> {
  const { config, fetchContext } = context
  const token = bearerOf(request)
  if (token === null) return personRejected(null)
  const verified = await verifyPersonToken(token, issuers, config.issuer, fetchContext)
  if (isRejected(verified)) return personRejected(verified)
  identify(request, { operator: userId({ issuer: verified.issuer.issuer, subject: verified.subject }) })
  return verified
}

/**
 * Reads the person for whom agents could work if the provider only issues identity assertions; null if it issues none,
 * or if `personIn` already reads the person.
 */
function assertable({ issuer, claims }: PersonToken, { fetchContext }: RequestContext): Person | Rejected | null {
  const { users, assertions } = issuer
  return users || !assertions ? null : readPerson(claims, issuer.issuer, assertions.claims, fetchContext.now)
}

/**
 * Returns true if no agent could have a session of this subject: it is no person, or its provider's sessions are not
 * accepted.
 */
function cannotHaveSession({ rejected: { reason } }: Rejected): boolean {
  return reason === "no_person" || reason === "issuer_unknown"
}

async function stopOfPerson(token: PersonToken, context: RequestContext): Promise<CallerError | null> {
  const switches = await currentSwitches(context)
  if (!switches) return UNAVAILABLE
  const [stop] = namesIn(token, context.fetchContext).flatMap((name) => {
    const by = personStoppedBy(switches, userId(name), token.issuedAt)
    return by ? [stoppedPerson(name, by)] : []
  })
  return stop ?? null
}

function stoppedPerson(name: PersonName, by: Switch): CallerError {
  const description = "This person's sessions are stopped."
  return { error: "invalid_token", description, denial: denialBy(by), record: { operator: userId(name) } }
}

function personRejected(rejected: Rejected | null): CallerError {
  const because = rejected?.rejected ?? null
  if (because?.reason === "keys_unavailable") return UNAVAILABLE
  const error = rejected === null ? "missing_token" : "invalid_token"
  const description = "A person's own token is required."
  return { error, description, denial: { reason: "operator_rejected", because } }
}

export const UNAVAILABLE = {
  error: "unavailable",
  description: "The keys, the switches or the ledger could not be read at the moment: try again.",
} as const
