/** The inbox: what waits for an answer of whoever reads it, what is over soonest first. */
import { CONTRACT } from "../../api/contract/contract.ts"
import { respondPage } from "../../web/page.tsx"
import { apology, ConsolePage } from "../layout/frame.tsx"
import { fromIn } from "../layout/paging.tsx"
import type { PageRequest } from "../layout/visit.tsx"
import { CallCard, TaskCard } from "./cards.tsx"

export const SECTION = "/console/approvals"

/** Cards of a page. */
const MOST = 24

export async function listApprovals(visit: PageRequest): Promise<Response> {
  const said = await visit.ask("GET", "/v1/approvals")
  if (said.status !== 200) return apology(visit, SECTION, said)
  const { approvals, more } = CONTRACT.listApprovals.answer().parse(said.body)
  const answerable = approvals.filter((each) => each.kind === "task" || each.unanswerable === null)
  const first = fromIn(visit)
  const waiting = approvals.toSorted((a, b) => a.expires_at - b.expires_at)
  const shown = waiting.slice(first, first + MOST)
  const now = visit.context.receivedAt
  return respondPage(
    <ConsolePage title="Approvals" visit={visit} section={SECTION}>
      <h1>Approvals</h1>
      <p class="lead">{leadOf(answerable.length, more === true)}</p>
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
