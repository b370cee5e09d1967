/**
 * What is denied, and why. A denial is a value with evidence. Its `reason` goes into the record only, because it would
 * show a client the rules and limits that it must not probe; the client gets its `code`, one of a few that stay stable.
 * All that there is to say about a reason stands in its entry of `DENIALS`.
 */
import { CREDENTIAL_DENIALS } from "./call/credential.ts"
import { GATEWAY_DENIALS } from "./call/gateway.ts"
import { GRANT_DENIALS } from "./call/grant.ts"
import { GUARDRAIL_DENIALS } from "./call/guardrail.ts"
import { OUTAGE_DENIALS } from "./call/outage.ts"
import { POLICY_DENIALS } from "./call/policy.ts"
import type { CallReason, DecidedAnew } from "./call/reason.ts"
import { REQUEST_DENIALS } from "./call/request.ts"
import { CODES, type Code } from "./terms/code.ts"
import type { DenialOf, Member, Shows } from "./terms/evidence.ts"

export { deny, isDenied, type Denied } from "./denied.ts"

/** Ordered roughly as a call is checked. */
export const DENIALS = {
  ...GATEWAY_DENIALS,
  ...CREDENTIAL_DENIALS,
  ...REQUEST_DENIALS,
  ...GRANT_DENIALS,
  ...GUARDRAIL_DENIALS,
  ...POLICY_DENIALS,
  ...OUTAGE_DENIALS,
}

/** Why a call is denied, with the evidence of each reason. No evidence contains a token or a key. */
export type Denial = DenialOf<typeof DENIALS>
export type Reason = keyof typeof DENIALS

const REASONS: ReadonlyMap<string, CallReason> = new Map(Object.entries(DENIALS))

/** Undefined if no call is denied for this reason, or another version did so. */
export function reasonOf({ reason }: { readonly reason: string }): CallReason | undefined {
  return REASONS.get(reason)
}

export function codeOf(denial: Denial): Code {
  return DENIALS[denial.reason].code
}

/** Returns the answer to a denied call in words: a sentence, and what the rules that deny it say themselves. */
export function describeDenial(denial: Denial): string {
  const entry: CallReason = DENIALS[denial.reason]
  const sentence = entry.forCaller(denial) ?? CODES[entry.code].sentence
  return "message" in denial && denial.message !== undefined ? `${sentence} ${denial.message}` : sentence
}

/** Returns what another bundle needs to decide again a call that was recorded with this denial. */
export function decidedAnew(denial: { readonly reason: string }): DecidedAnew {
  return reasonOf(denial)?.decidedAnew ?? null
}

/** Returns the members of the evidence that can disclose an argument, and how. */
export function disclosingMembers(denial: { readonly reason: string }): readonly (readonly [name: string, Shows])[] {
  return DISCLOSING.get(denial.reason) ?? []
}
const DISCLOSING = new Map<string, readonly (readonly [string, Shows])[]>(
  Object.entries(DENIALS).flatMap(([reason, { evidence }]) => {
    const members = Object.entries<Member>(evidence).map(([name, { shows }]) => [name, shows] as const)
    const disclosing = members.filter(([, { kind }]) => kind !== "nothing")
    return disclosing.length === 0 ? [] : [[reason, disclosing] as const]
  }),
)

/** Returns the denial without the figures that disclose an amount. */
export function hideFigures<D extends { readonly reason: string }>(denial: D): D {
  const figures = disclosingMembers(denial).filter(([, { kind }]) => kind === "figure")
  if (figures.length === 0) return denial
  return Object.assign({}, denial, Object.fromEntries(figures.map(([name]) => [name, null])))
}
