/** How it stands with a call that waits: the figures, what its tree of tasks did before, and what was said so far. */
import type { FC } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { toolText } from "../decisions/line.ts"
import { inRows, Timeline } from "../decisions/timeline.tsx"
import { RiskTold } from "../layout/meter.tsx"
import { taskPath } from "../layout/paths.ts"
import type { AskedCall } from "../../api/contract/approvals-console.ts"

/** Calls of the tree that are shown at once; the others are folded. */
const MOST_SHOWN = 6

interface Situation {
  readonly approval: AskedCall
  readonly now: number
  /** Its reader is an operator, who may see tasks and records. */
  readonly linked: boolean
}

/** @param linked to the task, which is operators' to see */
export const Figures: FC<Situation> = ({ approval, now, linked }) => {
  const { risk, need, votes, most_uses, uses, asked_at, task, status } = approval
  const agreed = votes.filter(({ approved }) => approved).length
  return (
    <section class="card">
      <h2>How it stands</h2>
      <dl class="facts">
        <RiskTold of={risk} />
        <dt id="agreed">Agreed</dt>
        <dd>
          {`${agreed} of ${need}`}
          {need > 1 && (
            <meter aria-labelledby="agreed" min="0" max={need} value={agreed}>{`${agreed} of ${need}`}</meter>
          )}
        </dd>
        <dt>Calls</dt>
        <dd>
          {status === "approved"
            ? `${uses} left to pass`
            : most_uses === 1
              ? "a yes lets one pass"
              : `a yes lets up to ${most_uses} pass`}
        </dd>
        <dt>Asked</dt>
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

/** @param linked to records, which are operators' to read */
export const History: FC<Situation> = ({ approval, now, linked }) => {
  const { history, decision } = approval
  if (history === null) return <p class="notice warn">It cannot be known at the moment what was called before.</p>
  const calls = history
    .filter(({ id }) => id !== decision)
    .map(({ id, at, tool, action, chain, decision: said, code }) => {
      const what = tool === null ? "an unknown tool" : toolText(tool, action)
      const by = chain.at(-1) ?? null
      return { id, at, what, by, decision: said, code }
    })
  const events = inRows(calls)
  if (events.length === 0) return <p class="quiet">Nothing besides this: it is the first call.</p>
  const [first, others] = [events.slice(0, MOST_SHOWN), events.slice(MOST_SHOWN)]
  return (
    <>
      <Timeline events={first} now={now} linked={linked} />
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
        <h2>What was said</h2>
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
