/** The approvals that wait for the reader, the one that expires first at the top. */
import { CONTRACT } from "../../api/contract/contract.ts"
import { respondPage } from "../../web/page.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { fromIn } from "../layout/paging.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { CallCard, TaskCard } from "./cards.tsx"

export const approvalsPage = {
  path: "/approvals",
  section: "approvals",
  readers: "everybody",
  view: listApprovals,
} as const satisfies PageDefinition

/** Cards of one page. */
const MOST = 24

async function listApprovals(request: PageRequest): Promise<Response> {
  const response = await request.callApi("GET", "/v1/approvals")
  if (response.status !== 200) return failurePage(request, response)
  const { approvals, more } = CONTRACT.listApprovals.answer().parse(response.body)
  const answerable = approvals.filter((each) => each.kind === "task" || each.unanswerable === null)
  const first = fromIn(request)
  const waiting = approvals.toSorted((a, b) => a.expires_at - b.expires_at)
  const page = waiting.slice(first, first + MOST)
  const now = request.context.receivedAt
  return respondPage(
    <ConsolePage title={answerable.length === 0 ? "Approvals" : `(${answerable.length}) Approvals`} request={request}>
      <h1>Approvals</h1>
      <p class="lead">{leadOf(answerable.length, more === true)}</p>
      {approvals.length === 0 && (
        <div class="empty card">
          <p>No approvals are waiting.</p>
          <p>Calls and tasks that need your approval appear here.</p>
        </div>
      )}
      <ul class="cards">
        {page.map((each) =>
          each.kind === "task" ? <TaskCard approval={each} now={now} /> : <CallCard approval={each} now={now} />,
        )}
      </ul>
      {waiting.length > MOST && (
        <p class="row">
          {first > 0 && <a href={`${SECTIONS.approvals.href}?from=${Math.max(0, first - MOST)}`}>Previous</a>}
          {first + MOST < waiting.length && (
            <a href={`${SECTIONS.approvals.href}?from=${first + MOST}`}>{`${waiting.length - first - MOST} more`}</a>
          )}
        </p>
      )}
    </ConsolePage>,
  )
}

function leadOf(count: number, more: boolean): string {
  if (count === 0) return "Agents continue with these calls and tasks only if you approve."
  if (count === 1) return "1 approval is waiting for you."
  return `${count}${more ? " or more" : ""} approvals are waiting for you. The one that expires first is at the top.`
}
