/** What a suggestion would have done to the recorded calls. */
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { hasHappened } from "../records/happened.ts"
import { Replay } from "../replay/replay.ts"
import type { ShownRecord } from "../remote/decision-record.ts"
import type { Subjects } from "./agents-edits.ts"
import { ToolUse } from "./observed-use.ts"
import type { UnpermittedUse } from "./rules-text.ts"

export interface DeniedUse {
  readonly tool: string
  readonly agent: string
  readonly code: string
  readonly count: number
  readonly example: string
  /** Of these, the ones that are denied today as well, and happened because a gateway only observes. */
  readonly today: number
}

export interface Traffic {
  /** Calls that happened. */
  readonly calls: number
  readonly inSequence: number
  readonly allowed: number
  readonly denied: readonly DeniedUse[]
  readonly untold: Readonly<Record<string, number>>
  readonly untoldCount: number
  /** Calls that happened, and that no rule permits. */
  readonly unpermitted: readonly UnpermittedUse[]
}

/**
 * @param records in the order in which they were made
 * @param bundles by digest
 * @param subjects whose calls rules may come to permit
 */
export async function trafficUnder(
  bundle: Bundle,
  records: AsyncIterable<ShownRecord> | Iterable<ShownRecord>,
  bundles: ReadonlyMap<string, Bundle>,
  subjects: Subjects,
): Promise<Traffic> {
  const replay = new Replay(bundle, bundles)
  const denied = new Map<string, DeniedUse>()
  const untold = new Map<string, number>()
  const unpermitted = new Map<string, UnpermittedUse>()
  const counts = { calls: 0, inSequence: 0, allowed: 0, untoldCount: 0 }
  for await (const record of records) {
    const replayed = replay.next(record)
    if (!replayed || !hasHappened(record)) continue
    const { judged, how, unpermitted: holder } = replayed
    if (holder !== undefined && isOfSubjects(record, subjects)) noteUnpermitted(unpermitted, record, holder)
    counts.calls += 1
    if (how === "sequence") counts.inSequence += 1
    if (judged.kind === "untold") {
      counts.untoldCount += 1
      for (const what of judged.what) untold.set(what, (untold.get(what) ?? 0) + 1)
      continue
    }
    const code = judged.kind === "flips" ? judged.to.code : record.code
    if (code === "ok") counts.allowed += 1
    else countDenied(denied, record, code)
    const reason = judged.kind === "flips" ? judged.to.reason : record.denial?.reason
    const principal = judged.kind === "flips" ? judged.to.principal : record.principal
    if (reason === "policy_permits_nothing" && principal !== null && isOfSubjects(record, subjects))
      noteUnpermitted(unpermitted, record, principal)
  }
  return {
    ...counts,
    denied: [...denied.values()].toSorted((a, b) => b.count - a.count || (a.tool < b.tool ? -1 : 1)),
    untold: Object.fromEntries([...untold].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))),
    unpermitted: [...unpermitted.values()],
  }
}

const isOfSubjects = ({ chain, purpose }: ShownRecord, { agents, purposes }: Subjects): boolean =>
  chain.some((agent) => agents.has(agent)) || (purpose !== null && purposes.has(purpose))

function countDenied(denied: Map<string, DeniedUse>, record: ShownRecord, code: string): void {
  const { id, tool, chain } = record
  const agent = chain.at(-1) ?? ""
  const key = JSON.stringify([tool, agent, code])
  const { count = 0, today = 0, example = id } = denied.get(key) ?? {}
  const isToday = record.decision === "deny"
  denied.set(key, { tool: tool ?? "", agent, code, count: count + 1, example, today: today + Number(isToday) })
}

function noteUnpermitted(all: Map<string, UnpermittedUse>, record: ShownRecord, principal: string): void {
  const { tool } = record
  if (tool === null) return
  const isUser = principal.startsWith("User::")
  const agent = isUser ? (record.chain.at(-1) ?? "") : String(JSON.parse(principal.slice(principal.indexOf('"'))))
  const key = JSON.stringify([tool, isUser, isUser ? "" : agent])
  const use = all.get(key)?.use ?? new ToolUse()
  use.add(record)
  all.set(key, { agent, tool, principal: isUser ? "user" : "agent", groups: use.groups, use })
}
