/** Decides recorded calls again, and reports which would have another result. */
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { RejudgedVerdict } from "../../src/core/explanation/rejudge.ts"
import { Replay } from "../replay/replay.ts"
import type { ShownRecord } from "../remote/decision-record.ts"

/** Calls of one agent to one tool that change alike. */
export interface Flip {
  readonly tool: string
  readonly agent: string
  readonly from: string
  readonly to: RejudgedVerdict
  /** Rules that decided before. */
  readonly rules: readonly string[]
  readonly count: number
  /** The newest of them, as an example. */
  readonly example: string
}

export interface Reviewed {
  readonly records: number
  /** Decided on the state that the calls before them leave behind; the others by their own records alone. */
  readonly inSequence: number
  readonly same: number
  readonly flipped: number
  readonly flips: readonly Flip[]
  /** Decided by something else than a bundle: a token, a request that was malformed. */
  readonly apart: number
  /** How many calls depend on what their records leave out, by what that is. */
  readonly untold: Readonly<Record<string, number>>
  readonly untoldCount: number
  /** Windows that were taken to have room, because no record shows how full they would have been. */
  readonly untoldGuardrails: readonly string[]
}

/**
 * @param records in the order in which they were made
 * @param bundles by digest: those by which the records were made supply what the records leave out
 * @param learn called with each digest that they do not have, and may add it
 */
export async function reviewRecords(
  records: AsyncIterable<ShownRecord> | Iterable<ShownRecord>,
  bundle: Bundle,
  bundles: ReadonlyMap<string, Bundle> = new Map(),
  learn: (digest: string) => Promise<void> = async () => undefined,
): Promise<Reviewed> {
  const flips = new Map<string, Flip>()
  const notRecorded = new Map<string, number>()
  const guardrails = new Set<string>()
  const counts = { records: 0, inSequence: 0, same: 0, flipped: 0, apart: 0, untoldCount: 0 }
  const replay = new Replay(bundle, bundles)
  for await (const record of records) {
    const { digest } = record.bundle ?? {}
    if (digest !== undefined && !bundles.has(digest)) await learn(digest)
    const replayed = replay.next(record)
    if (!replayed) continue
    const { judged, guardrailsNotRecorded, how } = replayed
    counts.records += 1
    if (how === "sequence") counts.inSequence += 1
    for (const guardrail of guardrailsNotRecorded) guardrails.add(guardrail)
    if (judged.kind === "same") counts.same += 1
    else if (judged.kind === "apart") counts.apart += 1
    else if (judged.kind === "untold") {
      counts.untoldCount += 1
      for (const what of judged.what) notRecorded.set(what, (notRecorded.get(what) ?? 0) + 1)
    } else {
      counts.flipped += 1
      add(flips, record, judged.to)
    }
  }
  return {
    ...counts,
    flips: [...flips.values()].toSorted((a, b) => rank(a) - rank(b) || b.count - a.count),
    untold: Object.fromEntries([...notRecorded].toSorted(([, a], [, b]) => b - a)),
    untoldGuardrails: [...guardrails].toSorted(),
  }
}

/** Calls that would be newly allowed come first. */
const rank = ({ to }: Flip): number => (to.code === "ok" ? 0 : 1)

function add(flips: Map<string, Flip>, { id, tool, chain, code: from, rules }: ShownRecord, to: RejudgedVerdict): void {
  const agent = chain.at(-1) ?? ""
  const key = JSON.stringify([tool, agent, from, to, rules])
  const previous = flips.get(key)
  if (previous) flips.set(key, { ...previous, count: previous.count + 1, example: id })
  else flips.set(key, { tool: tool ?? "", agent, from, to, rules, count: 1, example: id })
}
