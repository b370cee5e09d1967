/** A card of the list of approvals: one that waits, in short, with a link to the page on which it is answered. */
import type { FC, PropsWithChildren } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { callApprovalPath, taskApprovalPath } from "../layout/paths.ts"
import { requestedBy } from "./words.ts"
import type { TaskApproval, ListedCall } from "../../api/contract/approvals.ts"

export const CallCard: FC<{ readonly approval: ListedCall; readonly now: number }> = ({ approval, now }) => {
  const { id, task, tool, agent, user, purpose, votes, need, expires_at, unanswerable } = approval
  return (
    <li class="card">
      <div class="row">
        <span class="badge">Call</span>
        {unanswerable !== null && <span class="badge warn">Task quarantined</span>}
        {need > 1 && <span class="badge warn">{`${votes.length} of ${need} approvals`}</span>}
      </div>
      <Title text={tool} href={callApprovalPath(task, id)} />
      <Arguments of={approval} />
      <Facts until={expires_at} now={now}>
        <dt>Who</dt>
        <dd>
          {shortened(agent, 60, "end")}
          {user !== null && <>, for {shortened(user, 60, "end")}</>}
        </dd>
        <dt>Purpose</dt>
        <dd>
          <Text of={purpose} most={60} />
        </dd>
        <dt>Requested by</dt>
        <dd>
          <Text of={requestedBy(approval)} most={120} />
        </dd>
      </Facts>
    </li>
  )
}

/** The first arguments of a call. The page of the approval shows all of them. */
const Arguments: FC<{ readonly of: Pick<ListedCall, "arguments" | "redacted"> }> = ({ of }) => {
  const all = Object.entries(of.arguments)
  return (
    <ul class="plain-list mono">
      {all.slice(0, MOST_ARGUMENTS).map(([name, value]) => (
        <li>
          <Text of={`${name} = ${of.redacted.includes(name) ? "" : JSON.stringify(value)}`} most={80} />
          {of.redacted.includes(name) && <span class="redacted">redacted</span>}
        </li>
      ))}
      {all.length > MOST_ARGUMENTS && <li class="quiet">{`${all.length - MOST_ARGUMENTS} more`}</li>}
      {all.length === 0 && <li class="quiet">No arguments</li>}
    </ul>
  )
}
const MOST_ARGUMENTS = 4

export const TaskCard: FC<{ readonly approval: TaskApproval; readonly now: number }> = ({ approval, now }) => {
  const { task, purpose, agent, binding_message: message, calls, expires_at } = approval
  return (
    <li class="card">
      <div class="row">
        <span class="badge warn">New task</span>
      </div>
      <Title text={purpose} href={taskApprovalPath(task)} />
      {message !== null && (
        <p>
          “<Text of={message} most={160} />”
        </p>
      )}
      <Facts until={expires_at} now={now}>
        <dt>Who</dt>
        <dd>{shortened(agent, 60, "end")}, for you</dd>
        <dt>Scope</dt>
        <dd>
          <Text of={approval.scope} most={160} />
        </dd>
        <dt>Audience</dt>
        <dd>
          <Text of={approval.audience} most={160} /> only
        </dd>
        <dt>Calls</dt>
        <dd>{calls === null ? "No limit" : `${calls} at most`}</dd>
      </Facts>
    </li>
  )
}

const Title: FC<{ readonly text: string; readonly href: string }> = ({ text, href }) => (
  <h2 class="title">
    <a href={href}>
      <Text of={text} most={80} />
    </a>
  </h2>
)

const Facts: FC<PropsWithChildren<{ readonly until: number; readonly now: number }>> = ({ until, now, children }) => (
  <dl class="facts">
    {children}
    <dt>Expires</dt>
    <dd>
      <Moment at={until} now={now} />
    </dd>
  </dl>
)
