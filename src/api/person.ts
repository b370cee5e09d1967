/**
 * Who answers what people are asked. They come with an access token of their own, from a client for managing: with the
 * session that an agent may have, an agent could consent to itself.
 */
import { nameOf, type Answering } from "../core/task/approvers.ts"
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
import { bearerOf, lacks, permitOperator, type Permitted } from "./operator.ts"
import { isApiError, type ApiError, type CallerError } from "./outcome.ts"

/** A person of whom more than that they manage is known. */
export async function personOf(
  request: Request,
  bundle: Bundle,
  context: RequestContext,
): Promise<Person | CallerError> {
  const token = await tokenOf(request, bundle, context)
  if (isApiError(token)) return token
  const person = personIn(token, context.fetchContext)
  if (isRejected(person)) return refused(person)
  return (await stopped(token, context)) ?? person
}

/** Somebody who may be asked about single calls: as a person, as an operator, or as both. */
export interface Answerer {
  readonly answering: Answering
  /** As which operator they may do it, or why as none; null: they are none. */
  readonly permitted: Permitted | ApiError<"policy_denied"> | null
}

/** @param role that an operator needs, to look (`viewer`) or to answer */
export async function answererOf(
  request: Request,
  role: Role,
  target: string | null,
  bundle: Bundle,
  context: RequestContext,
): Promise<Answerer | CallerError> {
  const token = await tokenOf(request, bundle, context)
  if (isApiError(token)) return token
  const found = personIn(token, context.fetchContext)
  const known = operatorBy(token, bundle.operators)
  // Somebody could be the task's own user, and have a token that does not tell so.
  if (isRejected(found) && !(known && isNobody(found))) return refused(found)
  const asserted = assertable(token, context)
  if (asserted && isRejected(asserted)) return refused(asserted)
  const person = isRejected(found) ? null : found
  const stop = await stopped(token, context)
  if (stop) return stop
  const permitted = known && permittedAs({ ...known, issuer: token.issuer.issuer }, role, target, bundle)
  const operator = permitted && !isApiError(permitted) ? permitted.operator : null
  const asUser = asserted && userId(asserted.user)
  return { answering: { person: person && person.user, operator, asUser }, permitted: permitted ?? null }
}

/** What a record says of them. */
export function recordedAnswerer({ answering, permitted }: Answerer): Permitted {
  return { operator: nameOf(answering), rules: permitted && !isApiError(permitted) ? permitted.rules : [] }
}

function permittedAs(
  operator: Bundle["operators"][number],
  role: Role,
  target: string | null,
  bundle: Bundle,
): Permitted | ApiError<"policy_denied"> {
  const { issuer, subject, roles } = operator
  const proven = { issuer, subject, roles }
  const thing = { area: "approvals", kind: "approval", target } as const
  // Whether they may answer is one question to policy, also where they only look at what there is to answer.
  const method = role === "viewer" ? "GET" : "POST"
  return lacks(proven, role) ?? permitOperator({ proven, method }, thing, bundle)
}

async function tokenOf(
  request: Request,
  { issuers }: Bundle,
  context: RequestContext,
): Promise<PersonToken | CallerError> {
  const { config, fetchContext } = context
  const token = bearerOf(request)
  if (token === null) return refused(null)
  const verified = await verifyPersonToken(token, issuers, config.issuer, fetchContext)
  if (isRejected(verified)) return refused(verified)
  identify(request, { operator: userId({ issuer: verified.issuer.issuer, subject: verified.subject }) })
  return verified
}

/** Whom agents would work for where a provider only asserts that; null: nobody, or as `personIn` says. */
function assertable({ issuer, claims }: PersonToken, { fetchContext }: RequestContext): Person | Rejected | null {
  const { users, assertions } = issuer
  return users || !assertions ? null : readPerson(claims, issuer.issuer, assertions.claims, fetchContext.now)
}

/** Nobody whose session an agent could have: a pipeline, or one of a provider whose sessions are not taken. */
function isNobody({ rejected: { reason } }: Rejected): boolean {
  return reason === "no_person" || reason === "issuer_unknown"
}

async function stopped(token: PersonToken, context: RequestContext): Promise<CallerError | null> {
  const switches = await currentSwitches(context)
  if (!switches) return OUT_OF_REACH
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

function refused(rejected: Rejected | null): CallerError {
  const because = rejected?.rejected ?? null
  if (because?.reason === "keys_unavailable") return OUT_OF_REACH
  const error = rejected === null ? "missing_token" : "invalid_token"
  const description = "A person's own access token is required."
  return { error, description, denial: { reason: "operator_rejected", because } }
}

export const OUT_OF_REACH = {
  error: "unavailable",
  description: "The keys, the switches or the ledger could not be read at the moment: try again.",
} as const
