/**
 * `@remedy("…")` on a `forbid … unless`: what would make the call allowed. `step-up:<acr>`,
 * `step-up:<acr>;max_age=<seconds>`, `step-up:max_age=<seconds>`: a session of the user that is stronger, fresher or
 * both. `bound-key`: a token that is bound to a key of the agent (RFC 9449). `approval:<name>`: an approval of this
 * very call, by the approvers under this name in approvers.yaml; for the action delegate, `approval:user`: the person's
 * consent to the task.
 */

export interface StepUp {
  readonly kind: "step-up"
  readonly acr: string | null
  /** Seconds since the user last logged in. */
  readonly maxAge: number | null
}
export type Remedy = StepUp | { readonly kind: "bound-key" } | { readonly kind: "approval"; readonly name: string }

/** An acr goes into a header as it is: the characters of a scope (RFC 6749, section 3.3) without `;`. */
const ACR = /^[\x21\x23-\x3a\x3c-\x5b\x5d-\x7e]{1,256}$/
const MAX_AGE = /^max_age=(\d{1,9})$/
const APPROVAL = /^approval:([A-Za-z0-9._:/-]{1,256})$/
const STEP_UP = "step-up:"

export function parseRemedy(text: string): Remedy | null {
  const [, name] = APPROVAL.exec(text) ?? []
  if (name !== undefined) return { kind: "approval", name }
  if (text === "bound-key") return { kind: "bound-key" }
  if (!text.startsWith(STEP_UP)) return null
  const [first = "", second, ...more] = text.slice(STEP_UP.length).split(";")
  const [, only] = MAX_AGE.exec(first) ?? []
  const [, seconds] = MAX_AGE.exec(second ?? "") ?? []
  if (more.length > 0 || (second !== undefined && seconds === undefined)) return null
  if (only !== undefined) return second === undefined ? { kind: "step-up", acr: null, maxAge: Number(only) } : null
  return ACR.test(first)
    ? { kind: "step-up", acr: first, maxAge: seconds === undefined ? null : Number(seconds) }
    : null
}

/** What a call needs in addition to be permitted: never empty. */
export interface Remedies {
  readonly stepUp: Omit<StepUp, "kind"> | null
  readonly boundKey: boolean
  /** Names, each once. */
  readonly approvals: readonly string[]
}

/** What satisfies all remedies at once. Null if one session and one key cannot. */
export function together(remedies: readonly (Remedy | null)[]): Remedies | null {
  let stepUp: Remedies["stepUp"] = null
  let boundKey = false
  const approvals = new Set<string>()
  for (const remedy of remedies) {
    if (remedy?.kind === "bound-key") boundKey = true
    else if (remedy?.kind === "approval") approvals.add(remedy.name)
    else if (remedy?.kind === "step-up") {
      const joined = join(stepUp ?? { acr: null, maxAge: null }, remedy)
      if (!joined) return null
      stepUp = joined
    } else return null
  }
  return stepUp || boundKey || approvals.size > 0 ? { stepUp, boundKey, approvals: [...approvals] } : null
}

/** One session has one `acr`. */
function join(one: Omit<StepUp, "kind">, other: StepUp): Remedies["stepUp"] {
  if (one.acr !== null && other.acr !== null && one.acr !== other.acr) return null
  const ages = [one.maxAge, other.maxAge].filter((age) => age !== null)
  return { acr: one.acr ?? other.acr, maxAge: ages.length === 0 ? null : Math.min(...ages) }
}
