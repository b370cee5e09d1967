/** This machine, the Worker and the issuers agree about the time, by the `Date` of their answers. */
import { Failure } from "../../terminal/failure.ts"
import { ok, problem, skipped, type Finding } from "../finding.ts"
import { documentUrl } from "../../../src/core/policy/definition/keys.ts"
import { duration } from "../since.ts"
import type { Subject } from "../subject.ts"

/** Tokens from a clock that is further ahead are not accepted. Seconds. */
const TOLERANCE = 30

export interface OtherClock {
  readonly name: string
  /** Seconds before this machine's. */
  readonly ahead: number
}

export async function checkClock({ url, body, get }: Subject): Promise<readonly Finding[]> {
  const issuers = (body?.issuers ?? []).flatMap((issuer) => {
    const at = documentUrl(issuer)
    return at === null ? [] : [{ name: issuer.id, at }]
  })
  const all = [{ name: "the Worker", at: new URL("/healthz", url).href }, ...issuers].map(async ({ name, at }) => {
    const answer = await get(at)
    return answer instanceof Failure || answer.ahead === null ? [] : [{ name, ahead: answer.ahead }]
  })
  return [judgeClock((await Promise.all(all)).flat())]
}

export function judgeClock(others: readonly OtherClock[]): Finding {
  if (others.length === 0) return skipped("no server that states the time was reached")
  const wrong = others.filter(({ ahead }) => Math.abs(ahead) > TOLERANCE)
  const names = others.map(({ name }) => name).join(", ")
  if (wrong.length === 0) return ok(`agrees with ${names}, within ${TOLERANCE} seconds`)
  const differences = wrong.map(
    ({ name, ahead }) => `${name} is ${duration(ahead)} ${ahead > 0 ? "ahead of" : "behind"} this machine`,
  )
  const isOurs = wrong.length === others.length && others.length > 1
  const fix = isOurs
    ? "Set this machine's clock, and have it kept: timedatectl set-ntp true"
    : "Compare both with another clock, set the wrong one, and have it kept by NTP."
  return problem(`${differences.join("; ")}: tokens are not valid yet, or no longer`, fix)
}
