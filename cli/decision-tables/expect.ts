/** The result of a query in the words of a test, and how it differs from what the test expects. */
import { isDeepStrictEqual } from "node:util"
import { codeOf, type Denial } from "../../src/core/denials/denial.ts"
import { oauthErrorOf, type OAuthError } from "../../src/core/denials/oauth-error.ts"
import type { Decided, Result, Expected } from "./scene.ts"
import { ALLOW } from "./schema.ts"

export interface Got {
  /** `allow`, or the code that the caller gets. */
  readonly decision: string
  readonly scope: readonly string[]
  /** The rules that determined it, sorted. */
  readonly rules: readonly string[]
  readonly reason: string | null
  readonly principal: string | null
  /** The other members of the denial. */
  readonly shown: Readonly<Record<string, unknown>>
  /** Why the query itself was never made; everything else describes what came before it. */
  readonly unasked: string | null
}

const NOTHING: Got = { decision: ALLOW, scope: [], rules: [], reason: null, principal: null, shown: {}, unasked: null }

export function gotOf(result: Result): Got {
  switch (result.kind) {
    case "decided":
      return decidedAs(result)
    case "opened":
      return { ...NOTHING, scope: result.task.scope.split(" ") }
    case "refused":
      return { ...NOTHING, ...refused(result.refusal) }
    case "unopened":
      return { ...NOTHING, ...refused(result.refusal), unasked: `no task was opened for ${result.agent}` }
    case "interrupted": {
      const { step, time, decided, expected } = result
      const which = `call ${step + 1}${time > 0 ? `, the time ${time + 1},` : ""} of \`after\``
      const got = decidedAs(decided)
      return { ...got, unasked: `${which} ${howElse(expected, got)}` }
    }
    default:
      return result satisfies never
  }
}

function howElse({ decision, reason }: Expected, got: Got): string {
  if (decision === ALLOW && got.decision !== ALLOW) return "was denied"
  const wanted = decision + (reason === null ? "" : ` (${reason})`)
  return got.decision === decision ? `was to be ${wanted} in another way` : `was to be ${wanted}`
}

function decidedAs({ denial, evidence: { rules, principal } }: Decided): Got {
  return { ...NOTHING, ...denied(denial), rules: rules.toSorted(), principal }
}

function denied(denial: Denial | null): Pick<Got, "decision" | "reason" | "shown"> {
  if (!denial) return NOTHING
  const { reason, ...shown } = denial
  return { decision: codeOf(denial), reason, shown }
}

function refused(refusal: OAuthError): Pick<Got, "decision" | "reason" | "shown"> {
  const { reason, ...shown } = refusal
  return { decision: oauthErrorOf(refusal), reason, shown }
}

/** Names of what differs; empty if the result is as expected. */
export function differences(expected: Expected, got: Got): readonly string[] {
  if (got.unasked !== null) return ["unasked"]
  const { decision, scope, rules, reason, principal, with: evidence } = expected
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ["decision", decision, got.decision],
    ["scope", scope?.toSorted() ?? null, got.scope.toSorted()],
    ["rules", rules, got.rules],
    ["reason", reason, got.reason],
    ["principal", principal, got.principal],
    ...Object.entries(evidence ?? {}).map(([name, value]) => [name, value, got.shown[name]] as const),
  ]
  return pairs.flatMap(([name, wanted, found]) => (wanted === null || isDeepStrictEqual(wanted, found) ? [] : [name]))
}
