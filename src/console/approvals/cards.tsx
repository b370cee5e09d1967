/** What waits for an answer, in short: a card of the inbox, which leads to where it is answered. */
import type { FC, PropsWithChildren } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { askedCallPath, askedTaskPath } from "../layout/paths.ts"
import { whoAsks } from "./question-words.ts"
import type { AskedTask, ListedCall } from "../../api/contract/approvals-console.ts"

export const CallCard: FC<{ readonly approval: ListedCall; readonly now: number }> = ({ approval, now }) => {
  const { id, task, tool, agent, user, purpose, votes, need, expires_at, unanswerable } = approval
  return (
    <li class="card">
      <div class="row">
        <span class="badge">call</span>
        {unanswerable !== null && <span class="badge warn">its task is frozen</span>}
        {need > 1 && <span class="badge warn">{`${votes.length} of ${need} have agreed`}</span>}
      </div>
      <Title text={tool} href={askedCallPath(task, id)} />
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
        <dt>Asked by</dt>
        <dd>
          <Text of={whoAsks(approval)} most={120} />
        </dd>
      </Facts>
    </li>
  )
}

/** The first of them; all are where it is answered. */
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
      {all.length > MOST_ARGUMENTS && <li class="quiet">{`and ${all.length - MOST_ARGUMENTS} more`}</li>}
      {all.length === 0 && <li class="quiet">without arguments</li>}
    </ul>
  )
}
const MOST_ARGUMENTS = 4

export const TaskCard: FC<{ readonly approval: AskedTask; readonly now: number }> = ({ approval, now }) => {
  const { task, purpose, agent, binding_message: message, calls, expires_at } = approval
  return (
    <li class="card">
      <div class="row">
        <span class="badge warn">whole task</span>
      </div>
      <Title text={purpose} href={askedTaskPath(task)} />
      {message !== null && (
        <p>
          “<Text of={message} most={160} />”
        </p>
      )}
      <Facts until={expires_at} now={now}>
        <dt>Who</dt>
        <dd>{shortened(agent, 60, "end")}, for you</dd>
        <dt>What</dt>
        <dd>
          <Text of={approval.scope} most={160} />
        </dd>
        <dt>Where</dt>
        <dd>
          only at <Text of={approval.audience} most={160} />
        </dd>
        <dt>Calls</dt>
        <dd>{calls === null ? "as many as it likes" : `at most ${calls}`}</dd>
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
    <dt>Until</dt>
    <dd>
      <Moment at={until} now={now} />
    </dd>
  </dl>
)
