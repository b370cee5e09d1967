/** The inbox: what waits for an answer of whoever reads it, what is over soonest first. */
import type { FC } from "hono/jsx"
import { Moment, Text } from "../../page/text.tsx"
import { shortened } from "../../page/visible.ts"
import { respondPage } from "../../page/page.tsx"
import { apology, ConsolePage } from "../frame.tsx"
import type { Visit } from "../visit.tsx"
import { listed, type AskedTask, type ListedCall } from "./said.ts"

export const SECTION = "/console/approvals"

/** Cards of a page. */
const MOST = 24

export async function listApprovals(visit: Visit): Promise<Response> {
  const said = await visit.ask("GET", "/v1/approvals")
  if (said.status !== 200) return apology(visit, SECTION, said)
  const { approvals, more } = listed.parse(said.body)
  const first = Math.max(0, Number.parseInt(visit.c.req.query("from") ?? "0", 10) || 0)
  const waiting = approvals.toSorted((a, b) => a.expires_at - b.expires_at)
  const shown = waiting.slice(first, first + MOST)
  const now = visit.around.receivedAt
  return respondPage(
    <ConsolePage title="Approvals" visit={visit} section={SECTION}>
      <h1>Approvals</h1>
      <p class="lead">{leadOf(approvals.length, more === true)}</p>
      {approvals.length === 0 && (
        <div class="empty card">
          <p>Nothing waits for you.</p>
          <p>
            When a rule, a guardrail or an agent asks for your consent it is listed here, until it is answered or over.
          </p>
        </div>
      )}
      <ul class="cards">
        {shown.map((each) =>
          each.kind === "task" ? <TaskCard asked={each} now={now} /> : <CallCard asked={each} now={now} />,
        )}
      </ul>
      {waiting.length > MOST && (
        <p class="row">
          {first > 0 && <a href={`${SECTION}?from=${Math.max(0, first - MOST)}`}>Those before</a>}
          {first + MOST < waiting.length && (
            <a href={`${SECTION}?from=${first + MOST}`}>{`${waiting.length - first - MOST} more`}</a>
          )}
        </p>
      )}
    </ConsolePage>,
  )
}

function leadOf(count: number, more: boolean): string {
  if (count === 0) return "What agents may only do once you have agreed."
  if (count === 1) return "One thing waits for your answer."
  return `${more ? `The latest ${count} things that` : `${count} things`} wait for your answer; what is over soonest comes first.`
}

const CallCard: FC<{ readonly asked: ListedCall; readonly now: number }> = ({ asked, now }) => {
  const { id, task, tool, agent, user, purpose, votes, need, expires_at } = asked
  return (
    <li class="card">
      <div class="row">
        <span class="badge">call</span>
        {need > 1 && <span class="badge warn">{`${votes.length} of ${need} have agreed`}</span>}
      </div>
      <h2 class="title">
        <a href={`${SECTION}/${task}/${id}`}>
          <Text of={tool} most={80} />
        </a>
      </h2>
      <Arguments of={asked} />
      <dl class="facts">
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
          <Text of={whoAsks(asked)} most={120} />
        </dd>
        <dt>Until</dt>
        <dd>
          <Moment at={expires_at} now={now} />
        </dd>
      </dl>
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

/** The rule or the guardrail, in a word. */
export function whoAsks({ guardrail, rules, name }: Pick<ListedCall, "guardrail" | "rules" | "name">): string {
  const asks =
    guardrail === null ? `${rules.length === 1 ? "rule" : "rules"} ${rules.join(", ")}` : `guardrail ${guardrail}`
  return name === null ? `${asks}, of operators` : `${asks}, of ${name}`
}

const TaskCard: FC<{ readonly asked: AskedTask; readonly now: number }> = ({ asked, now }) => {
  const { task, purpose, agent, binding_message: message, calls, expires_at } = asked
  return (
    <li class="card">
      <div class="row">
        <span class="badge warn">whole task</span>
      </div>
      <h2 class="title">
        <a href={`${SECTION}/${task}`}>
          <Text of={purpose} most={80} />
        </a>
      </h2>
      {message !== null && (
        <p>
          “<Text of={message} most={160} />”
        </p>
      )}
      <dl class="facts">
        <dt>Who</dt>
        <dd>{shortened(agent, 60, "end")}, for you</dd>
        <dt>What</dt>
        <dd>
          <Text of={asked.scope} most={160} />
        </dd>
        <dt>Calls</dt>
        <dd>{calls === null ? "as many as it likes" : `at most ${calls}`}</dd>
        <dt>Until</dt>
        <dd>
          <Moment at={expires_at} now={now} />
        </dd>
      </dl>
    </li>
  )
}
