/**
 * `@remedy("…")` on a `forbid … unless`: what would lift it. `step-up:<acr>`, `step-up:<acr>;max_age=<seconds>`,
 * `step-up:max_age=<seconds>`: a session of the user that is stronger, fresher or both. `approval:<who>`: a person's consent.
 */

export interface StepUp {
  readonly kind: "step-up"
  readonly acr: string | null
  /** Seconds since the user last logged in. */
  readonly maxAge: number | null
}
export type Remedy = StepUp | { readonly kind: "approval"; readonly by: string }

/** An acr goes into a header as it is: the characters of a scope (RFC 6749 3.3) without `;`. */
const STEP_UP = /^step-up:(?:([\x21\x23-\x3a\x3c\x3e-\x5b\x5d-\x7e]{1,256}))?(?:(?:^|;|(?<=:))max_age=(\d{1,9}))?$/
const APPROVAL = /^approval:([A-Za-z0-9._:/-]{1,256})$/

export function parseRemedy(text: string): Remedy | null {
  const [, by] = APPROVAL.exec(text) ?? []
  if (by !== undefined) return { kind: "approval", by }
  const [matched, acr = null, seconds = null] = STEP_UP.exec(text) ?? []
  if (matched === undefined || (acr === null && seconds === null)) return null
  return { kind: "step-up", acr, maxAge: seconds === null ? null : Number(seconds) }
}

/** What lifts them all at once, or null where one session cannot. */
export function together(remedies: readonly (Remedy | null)[]): StepUp | null {
  let acr: string | null = null
  let maxAge: number | null = null
  for (const remedy of remedies) {
    if (remedy?.kind !== "step-up") return null
    if (remedy.acr !== null && acr !== null && remedy.acr !== acr) return null
    acr ??= remedy.acr
    if (remedy.maxAge !== null) maxAge = Math.min(remedy.maxAge, maxAge ?? remedy.maxAge)
  }
  return remedies.length === 0 ? null : { kind: "step-up", acr, maxAge }
}
