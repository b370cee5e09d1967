/**
 * What is denied, and why. A denial is a value with evidence: its `reason` is rich and goes into the record, its `code` is
 * one of the few that others see (DESIGN §5). All that there is to say about a reason stands in its entry of `DENIALS`.
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

/** In the order in which a call is checked, more or less. */
export const DENIALS = {
  ...GATEWAY_DENIALS,
  ...CREDENTIAL_DENIALS,
  ...REQUEST_DENIALS,
  ...GRANT_DENIALS,
  ...GUARDRAIL_DENIALS,
  ...POLICY_DENIALS,
  ...OUTAGE_DENIALS,
}

/** Why a call is denied, each with what shows it. Never a token, never a key. */
export type Denial = DenialOf<typeof DENIALS>
export type Reason = keyof typeof DENIALS

const REASONS: ReadonlyMap<string, CallReason> = new Map(Object.entries(DENIALS))

/** Undefined for what denies no call, or did so in another version. */
export function reasonOf({ reason }: { readonly reason: string }): CallReason | undefined {
  return REASONS.get(reason)
}

export function codeOf(denial: Denial): Code {
  return DENIALS[denial.reason].code
}

/** What the answer to a denied call says, in one sentence. */
export function describeDenial(denial: Denial): string {
  const entry: CallReason = DENIALS[denial.reason]
  return entry.forCaller(denial) ?? CODES[entry.code].sentence
}

/** By what another bundle can decide a call anew that was recorded with this denial. */
export function decidedAnew(denial: { readonly reason: string }): DecidedAnew {
  return reasonOf(denial)?.decidedAnew ?? null
}

/** The members of its evidence that can show an argument, and how. */
export function tellingMembers(denial: { readonly reason: string }): readonly (readonly [name: string, Shows])[] {
  return TELLING.get(denial.reason) ?? []
}
const TELLING = new Map<string, readonly (readonly [string, Shows])[]>(
  Object.entries(DENIALS).flatMap(([reason, { evidence }]) => {
    const shown = Object.entries<Member>(evidence).map(([name, { shows }]) => [name, shows] as const)
    const telling = shown.filter(([, { kind }]) => kind !== "nothing")
    return telling.length === 0 ? [] : [[reason, telling] as const]
  }),
)

/** The denial without the figures that show an amount. */
export function hideFigures<D extends { readonly reason: string }>(denial: D): D {
  const figures = tellingMembers(denial).filter(([, { kind }]) => kind === "figure")
  if (figures.length === 0) return denial
  return Object.assign({}, denial, Object.fromEntries(figures.map(([name]) => [name, null])))
}

/** Steps return their output or a denial; `deny` marks the latter so that the two can be told apart. */
export interface Denied {
  readonly denied: Denial
}

export function deny(denial: Denial): Denied {
  return { denied: denial }
}

export function isDenied(outcome: object): outcome is Denied {
  return "denied" in outcome
}
