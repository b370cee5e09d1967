/** The decisions that a candidate would have made differently, latest first. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { respondPage } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { liveLineOf } from "../decisions/decision-text.ts"
import type { Decision } from "../../api/contract/decisions.ts"
import { Verdict } from "../decisions/verdict.tsx"
import { denialText } from "../decisions/denial-text.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { Paging } from "../layout/paging.tsx"
import { decisionPath } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"

export const shadowPage = {
  path: "/policies/shadow",
  section: "policies",
  readers: "viewer",
  view: showShadow,
} as const satisfies PageDefinition

const PAGE = 50

async function showShadow(request: PageRequest): Promise<Response> {
  const before = request.c.req.query("before")
  const query = new URLSearchParams({ differs: "true", limit: String(PAGE), ...(before !== undefined && { before }) })
  const response = await request.callApi("GET", `/v1/decisions?${query.toString()}`)
  if (response.status !== 200) return failurePage(request, response)
  const records = CONTRACT.listDecisions.answer().parse(response.body).decisions
  const now = request.context.receivedAt
  const last = records.at(-1)
  return respondPage(
    <ConsolePage title="Candidate impact" request={request}>
      <p>
        <a href={SECTIONS.policies.href}>Policies</a>
      </p>
      <h1>Candidate impact</h1>
      <p class="lead">The live bundle decided each call. The candidate evaluated it as well, without any effect.</p>
      {records.length === 0 ? (
        <p class="empty card">No differences so far.</p>
      ) : (
        <Table
          caption="Calls and token requests, latest first"
          columns={["Time", "Request", "Caller", "Live", "Candidate", "Reason"]}
        >
          {records.map((record) => (
            <Row of={record} now={now} />
          ))}
        </Table>
      )}
      <Paging
        first={before !== undefined && { href: `${SECTIONS.policies.href}/shadow`, text: "Newest" }}
        next={
          records.length === PAGE &&
          last && {
            href: `${SECTIONS.policies.href}/shadow?before=${encodeURIComponent(last.id)}`,
            text: "Older",
          }
        }
      />
    </ConsolePage>,
  )
}

const Row: FC<{ readonly of: Decision; readonly now: number }> = ({ of: record, now }) => {
  const { id, at, what, who } = liveLineOf(record)
  const { candidate } = record
  const differs = candidate?.differs
  const why = differs?.denial ? denialText(differs.denial) : (differs?.rules.join(", ") ?? "")
  return (
    <tr>
      <td data-label="Time">
        <a href={decisionPath(id)}>
          <Moment at={at} now={now} />
        </a>
      </td>
      <td data-label="Request">{what}</td>
      <td data-label="Caller">{who}</td>
      <td data-label="Live">
        <Verdict decision={record.decision} code={record.code} />
      </td>
      <td data-label={`Bundle ${candidate?.bundle.seq ?? ""}`}>
        {differs && <Verdict decision={differs.decision} code={differs.code} />}{" "}
        {differs?.scope != null && <Text of={differs.scope} most={120} />}
      </td>
      <td data-label="Reason" class="quiet">
        <Text of={why} most={200} />{" "}
        {record.kind === "call" && (
          <a href={`${SECTIONS.policies.href}/explain?decision=${encodeURIComponent(id)}&bundle=candidate`}>Explain</a>
        )}
      </td>
    </tr>
  )
}
