/** The user and agent of a task, its labels, its risk score, and its grant. */
import type { FC } from "hono/jsx"
import { Moment, Person, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { RiskScore } from "../layout/meter.tsx"
import type { Task } from "../../api/contract/tasks.ts"

/** The labels, and the scopes, that are shown. */
const MOST_NAMES = 60

const Labels: FC<{ readonly of: readonly string[] }> = ({ of }) => (
  <dd class="row">
    {of.length === 0
      ? "None so far"
      : of.slice(0, MOST_NAMES).map((label) => <span class="badge warn">{shortened(label, 60)}</span>)}
  </dd>
)

export const Facts: FC<{ readonly task: Task; readonly now: number }> = ({ task, now }) => {
  const { user, labels, carried, risk, scope, expires_at } = task
  const scopes = scope.split(" ")
  return (
    <section class="card">
      <h2>Facts</h2>
      <dl class="facts">
        <dt>Person</dt>
        <dd>{user === null ? "None: the agent acts on its own" : <Person of={user} />}</dd>
        <dt>Agent</dt>
        <dd>
          <Text of={task.agent} most={300} />
        </dd>
        <RiskScore of={risk} />
        <dt>Labels</dt>
        <Labels of={labels} />
        {carried.length > 0 && (
          <>
            <dt>Labels from other tasks</dt>
            <Labels of={carried} />
          </>
        )}
        <dt>Expires</dt>
        <dd>
          <Moment at={expires_at} now={now} />
        </dd>
      </dl>
      <details>
        <summary>{`Grant: ${scopes.length} ${scopes.length === 1 ? "scope" : "scopes"}`}</summary>
        <ul>
          {scopes.slice(0, MOST_NAMES).map((each) => (
            <li>
              <code>
                <Text of={each} most={120} />
              </code>
            </li>
          ))}
        </ul>
        {scopes.length > MOST_NAMES && <p class="quiet">{`${scopes.length - MOST_NAMES} more scopes.`}</p>}
      </details>
    </section>
  )
}
