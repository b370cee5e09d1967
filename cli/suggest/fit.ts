/** The suggestion that fits, and what it would have done to the recorded calls. */
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { ShownRecord } from "../remote/decision-record.ts"
import type { Subjects } from "./agents-edits.ts"
import type { ObservedUse } from "./observed-use.ts"
import type { UnpermittedUse } from "./rules-text.ts"
import { suggestionFor, type Base, type Suggestion, type Unusable } from "./suggestion.ts"
import { trafficUnder, type Traffic } from "./traffic.ts"

export interface Fitted {
  readonly suggestion: Suggestion
  readonly traffic: Traffic
}

/** Each round may permit what the one before still denied: the user's permit, then the agent's. */
const MOST_ROUNDS = 4

/**
 * @param read the records, in the order in which they were made; read anew in each round
 * @param bundles by digest
 */
export async function fit(
  base: Base,
  use: ObservedUse,
  subjects: Subjects,
  read: () => AsyncIterable<ShownRecord> | Iterable<ShownRecord>,
  bundles: ReadonlyMap<string, Bundle>,
): Promise<Fitted | Unusable> {
  const permits = new Map<string, UnpermittedUse>()
  for (let round = 1; ; round++) {
    const made = suggestionFor(base, use, subjects, [...permits.values()])
    const traffic = made.bundle && (await trafficUnder(made.bundle, read(), bundles, subjects))
    // What rules do not permit yet may be all that is wrong with it.
    const before = permits.size
    for (const one of traffic?.unpermitted ?? []) {
      if (one.principal === "user" || subjects.agents.has(one.agent))
        permits.set(JSON.stringify([one.principal, one.principal === "agent" && one.agent, one.tool]), one)
    }
    if (permits.size > before && round < MOST_ROUNDS) continue
    if ("problems" in made) return made
    if (traffic) return { suggestion: made, traffic }
  }
}
