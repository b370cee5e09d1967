/** Whose a task is, what it has picked up on its way, and what it may call at most. */
import type { FC } from "hono/jsx"
import { Moment, Person, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { RiskTold } from "../layout/meter.tsx"
import type { Task } from "../../api/contract/tasks.ts"

/** Labels, and scopes, of a task. */
const MOST_NAMES = 60

export const Facts: FC<{ readonly task: Task; readonly now: number }> = ({ task, now }) => {
  const { user, labels, risk, scope, expires_at } = task
  const scopes = scope.split(" ")
  return (
    <section class="card">
      <h2>Facts</h2>
      <dl class="facts">
        <dt>Person</dt>
        <dd>{user === null ? "nobody: the agent acts on its own" : <Person of={user} />}</dd>
        <dt>Agent</dt>
        <dd>
          <Text of={task.agent} most={300} />
        </dd>
        <RiskTold of={risk} />
        <dt>Picked up</dt>
        <dd class="row">
          {labels.length === 0
            ? "no label so far"
            : labels.slice(0, MOST_NAMES).map((label) => <span class="badge warn">{shortened(label, 60)}</span>)}
        </dd>
        <dt>Ends</dt>
        <dd>
          <Moment at={expires_at} now={now} />
        </dd>
      </dl>
      <details>
        <summary>{`May call at most (${scopes.length})`}</summary>
        <ul>
          {scopes.slice(0, MOST_NAMES).map((each) => (
            <li>
              <code>
                <Text of={each} most={120} />
              </code>
            </li>
          ))}
        </ul>
        {scopes.length > MOST_NAMES && <p class="quiet">{`And ${scopes.length - MOST_NAMES} more.`}</p>}
      </details>
    </section>
  )
}
