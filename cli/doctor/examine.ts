/** Runs all checks at once. One that fails, or takes too long, is a problem like any other. */
import { setTimeout as sleep } from "node:timers/promises"
import { Failure } from "../terminal/failure.ts"
import { failed, problem, type Finding } from "./finding.ts"
import type { Subject } from "./subject.ts"
import { CHECKS, type Check } from "./table.ts"

/** A moment more than requests have, so that a check says itself who did not answer. Milliseconds. */
const CHECK_WITHIN_MS = 3_500

export interface Examined extends Finding {
  readonly check: string
}

export async function examine(subject: Subject, checks: ReadonlyMap<string, Check> = CHECKS): Promise<Examined[]> {
  const all = Array.from(checks, async ([check, run]) =>
    (await bounded(run, subject)).map((finding) => Object.assign({ check }, finding)),
  )
  return (await Promise.all(all)).flat()
}

async function bounded(run: Check, subject: Subject): Promise<readonly Finding[]> {
  const stop = new AbortController()
  const late = [problem("it is not done in time", "Run it again, when this machine and the network are less busy.")]
  const timer = sleep(CHECK_WITHIN_MS, late, { signal: stop.signal }).catch(() => late)
  const running = (async () => run(subject))().catch((failure: unknown): readonly Finding[] => {
    if (failure instanceof Failure) return [failed(failure)]
    return [problem(`it fails: ${String(failure)}`, "This is a defect of narrowgate: please report it.")]
  })
  const found = await Promise.race([running, timer])
  stop.abort()
  return found
}
