/** What `WWW-Authenticate` requires (RFC 6750, section 3; RFC 9470, section 3). */
import type { StepUp } from "./denial.ts"
import { definedOf } from "./json.ts"

export interface Challenge {
  readonly scope?: string
  readonly stepUp?: StepUp
}

export function challengeIn(header: string): Challenge {
  const scope = parameter(header, "scope")
  const [acrValues, maxAge] = [parameter(header, "acr_values"), parameter(header, "max_age")]
  const seconds = maxAge !== undefined && /^\d{1,9}$/.test(maxAge) ? Number(maxAge) : undefined
  const stepUp = definedOf({ acrValues: acrValues?.split(" "), maxAge: seconds })
  return definedOf({ scope, stepUp: Object.keys(stepUp).length > 0 ? stepUp : undefined })
}

const parameter = (header: string, name: string): string | undefined =>
  new RegExp(`(?:^|[\\s,])${name}="([^"]{0,4000})"`, "i").exec(header)?.[1]
