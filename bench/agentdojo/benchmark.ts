/** One suite replayed without Narrowgate, and with each policy that is for it. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startAuthorizer } from "./authorizer.ts"
import { POLICIES, writePolicies, type Policy, type Suite } from "./policies.ts"
import { replaySuite, type Replay } from "./python.ts"

/** Counts of one replay. Pairs whose attack succeeds by words alone are counted apart, and in `words` only. */
export interface Counts {
  readonly tasks: number
  readonly passed: number
  readonly pairs: number
  readonly attacks: number
  readonly passedWhileAttacked: number
  readonly words: number
  /** Given while the user tasks were replayed alone. */
  readonly approvals: number
}

export interface Row {
  readonly policy: string
  readonly suite: Suite | "together"
  /** Whether there is an approver for the calls that need an approval. Null if no rule requires one. */
  readonly hasApprover: boolean | null
  readonly without: Counts
  readonly with: Counts
}

export interface Run {
  readonly policy: Policy
  readonly suite: Suite
  readonly hasApprover: boolean | null
}

export function runsOf(suites: readonly Suite[], policies: readonly string[]): Run[] {
  return POLICIES.filter(({ name }) => policies.includes(name)).flatMap((policy) =>
    policy.suites
      .filter((suite) => suites.includes(suite))
      .flatMap((suite) =>
        (policy.approver === undefined ? [null] : [false, true]).map((hasApprover) => ({ policy, suite, hasApprover })),
      ),
  )
}

export async function replayWith(interpreter: string, { policy, suite, hasApprover }: Run): Promise<Replay> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-agentdojo-"))
  try {
    const catalog = await writePolicies(policy, suite, directory)
    await using authorizer = await startAuthorizer({ policy, catalog, directory, hasApprover: hasApprover === true })
    return await replaySuite(interpreter, suite, authorizer.url)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export function countsOf({ alone, attacked }: Replay): Counts {
  const byCalls = attacked.filter((pair) => !pair.by_words)
  return {
    tasks: alone.length,
    passed: alone.filter(({ solved }) => solved).length,
    pairs: byCalls.length,
    attacks: byCalls.filter((pair) => pair.attacked).length,
    passedWhileAttacked: byCalls.filter(({ solved }) => solved).length,
    words: attacked.length - byCalls.length,
    approvals: alone.reduce((sum, { approvals }) => sum + approvals, 0),
  }
}
