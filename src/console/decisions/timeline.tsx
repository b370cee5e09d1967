/** Decisions in a list, latest first. */
import type { FC } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { decisionPath } from "../layout/paths.ts"
import { requestText, reasonText } from "./decision-text.ts"
import type { Decision } from "../../api/contract/decisions.ts"
import { Verdict } from "./verdict.tsx"

export interface TimelineEvent {
  readonly id: string
  readonly at: number
  /** What was decided about. */
  readonly what: string
  /** The agent or operator who requested it. */
  readonly by: string | null
  readonly decision: "allow" | "deny"
  readonly code: string
  /** Why it was denied, and the reason that an operator gave. */
  readonly why?: string
  /** How many equal decisions in a row this stands for; one if absent. */
  readonly times?: number
}

/** @param what if the page has other words for it than other pages */
export function timelineEventOf(record: Decision, what: string = requestText(record)): TimelineEvent {
  const {
    id,
    at,
    decision,
    code,
    operator,
    chain,
    arguments: { reason },
  } = record
  const quoted = typeof reason === "string" ? `“${reason}”` : ""
  const why = [reasonText(record), quoted].filter((part) => part !== "").join(". ")
  return { id, at, what, by: operator ?? chain.at(-1) ?? null, decision, code, ...(why !== "" && { why }) }
}

/** Folds neighbours that differ in time only into the latest of them. */
export function foldRepeats(events: readonly TimelineEvent[]): readonly TimelineEvent[] {
  const rows: TimelineEvent[] = []
  for (const event of events) {
    const last = rows.at(-1)
    const isSame =
      last?.what === event.what && last.by === event.by && last.decision === event.decision && last.code === event.code
    if (last && isSame) rows[rows.length - 1] = { ...last, times: (last.times ?? 1) + 1 }
    else rows.push(event)
  }
  return rows
}

interface TimelineProps {
  readonly events: readonly TimelineEvent[]
  readonly now: number
  /** Whether the reader may open records, and each event links to its own. */
  readonly linked: boolean
}

export const Timeline: FC<TimelineProps> = ({ events, now, linked }) => (
  <ol class="timeline">
    {events.map(({ at, what, by, decision, code, id, why, times = 1 }) => (
      <li class={decision === "allow" ? "good" : "bad"}>
        <strong>
          {linked ? (
            <a href={decisionPath(id)}>
              <Text of={what} most={120} />
            </a>
          ) : (
            <Text of={what} most={120} />
          )}
        </strong>{" "}
        {times > 1 && `${times} times `}
        <Verdict decision={decision} code={`denied: ${code}`} />
        <span class="quiet">
          <Moment at={at} now={now} />
          {by !== null && <>, {shortened(by, 60, "end")}</>}
        </span>
        {why !== undefined && (
          <div class="quiet">
            <Text of={why} most={200} />
          </div>
        )}
      </li>
    ))}
  </ol>
)
