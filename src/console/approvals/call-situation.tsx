/** The status of a call that waits for approval: its figures, the earlier calls of its task tree, and the votes so far. */
import type { FC } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { toolText } from "../decisions/decision-text.ts"
import { foldRepeats, Timeline } from "../decisions/timeline.tsx"
import { RiskScore } from "../layout/meter.tsx"
import { taskPath } from "../layout/paths.ts"
import type { CallApprovalDetail } from "../../api/contract/approvals.ts"

/** The earlier calls that are shown at once; the others are folded. */
const MOST_SHOWN = 6

interface Situation {
  readonly approval: CallApprovalDetail
  readonly now: number
  /** Whether the reader is an operator, who may open tasks and records. */
  readonly linked: boolean
}

export const Figures: FC<Situation> = ({ approval, now, linked }) => {
  const { risk, need, votes, most_uses, uses, asked_at, task, status } = approval
  const approvals = votes.filter(({ approved }) => approved).length
  return (
    <section class="card">
      <h2>Status</h2>
      <dl class="facts">
        <RiskScore of={risk} />
        <dt id="approvals">Approvals</dt>
        <dd>
          {`${approvals} of ${need}`}
          {need > 1 && (
            <meter aria-labelledby="approvals" min="0" max={need} value={approvals}>{`${approvals} of ${need}`}</meter>
          )}
        </dd>
        <dt>Calls</dt>
        <dd>
          {status === "approved"
            ? `${uses} left`
            : most_uses === 1
              ? "Allows 1 call"
              : `Allows up to ${most_uses} calls`}
        </dd>
        <dt>Requested</dt>
        <dd>
          <Moment at={asked_at} now={now} />
        </dd>
        <dt>Task</dt>
        <dd>
          {linked ? (
            <a class="mono" href={taskPath(task)}>
              {task}
            </a>
          ) : (
            <code>{task}</code>
          )}
        </dd>
      </dl>
    </section>
  )
}

export const History: FC<Situation> = ({ approval, now, linked }) => {
  const { history, decision } = approval
  if (history === null) return <p class="notice warn">The earlier calls are unavailable at the moment.</p>
  const calls = history
    .filter(({ id }) => id !== decision)
    .map(({ id, at, tool, action, chain, decision, code }) => {
      const what = tool === null ? "an unknown tool" : toolText(tool, action)
      const by = chain.at(-1) ?? null
      return { id, at, what, by, decision, code }
    })
  const events = foldRepeats(calls)
  if (events.length === 0) return <p class="quiet">This is the first call.</p>
  const [latest, others] = [events.slice(0, MOST_SHOWN), events.slice(MOST_SHOWN)]
  return (
    <>
      <Timeline events={latest} now={now} linked={linked} />
      {others.length > 0 && (
        <details>
          <summary>{`${others.length} earlier`}</summary>
          <Timeline events={others} now={now} linked={linked} />
        </details>
      )}
    </>
  )
}

export const Votes: FC<Omit<Situation, "linked">> = ({ approval: { votes }, now }) => (
  <>
    {votes.length > 0 && (
      <section class="card">
        <h2>Answers</h2>
        <ul class="timeline">
          {votes.map(({ by, approved, reason, at }) => (
            <li class={approved ? "good" : "bad"}>
              <strong>
                <Text of={by} most={200} />
              </strong>{" "}
              {approved ? <span class="badge good">approved</span> : <span class="badge bad">rejected</span>}
              <div class="quiet">
                <Moment at={at} now={now} />
              </div>
              {reason !== null && (
                <div>
                  “<Text of={reason} most={600} />”
                </div>
              )}
            </li>
          ))}
        </ul>
      </section>
    )}
  </>
)
