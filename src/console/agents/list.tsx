/** The registered agents, page by page, ordered by id: people look for an agent by its id. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { respondPage } from "../../web/page.tsx"
import { Moment, spanText, Text } from "../../web/text.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { Paging } from "../layout/paging.tsx"
import { agentPath, CLIENTS_PATH } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import type { SearchedRange } from "../../audit/agents-seen.ts"
import type { ListedAgent } from "../../api/contract/agents.ts"
import type { Stop } from "../../api/contract/revocations.ts"

export const agentsPage = {
  path: "/agents",
  section: "agents",
  readers: "viewer",
  view: listAgents,
} as const satisfies PageDefinition

const PAGE = 60

async function listAgents(request: PageRequest): Promise<Response> {
  const after = request.c.req.query("after")
  const query = new URLSearchParams({ limit: String(PAGE), ...(after !== undefined && { after }) })
  const [response, revocations] = await Promise.all([
    request.callApi("GET", `/v1/agents?${query.toString()}`),
    request.callApi("GET", "/v1/revocations"),
  ])
  if (response.status !== 200) return failurePage(request, response)
  const { agents: listed, more, total, looked_at } = CONTRACT.listAgents.answer().parse(response.body)
  const switches =
    revocations.status === 200 ? CONTRACT.listRevocations.answer().parse(revocations.body).revocations : null
  const now = request.context.receivedAt
  const last = listed.at(-1)
  return respondPage(
    <ConsolePage title="Agents" request={request}>
      <h1>Agents</h1>
      <p class="lead">
        {`${total} ${total === 1 ? "agent" : "agents"}. `}
        <RecordRange of={looked_at} now={now} />
      </p>
      <p>
        <a href={CLIENTS_PATH}>Clients that registered themselves</a>
      </p>
      {switches === null && (
        <p class="notice warn">Suspensions are unavailable at the moment, or you have no permission to see them.</p>
      )}
      {listed.length === 0 && <p class="empty card">No agents are registered.</p>}
      <Table
        caption="Registered agents"
        columns={["Agent", "Owner", "Purposes", "Last seen", { number: "Calls" }, { number: "Denied" }]}
      >
        {listed.map((agent) => (
          <Row of={agent} stop={stopOf(agent.id, switches)} now={now} />
        ))}
      </Table>
      <Paging
        first={after !== undefined && { href: SECTIONS.agents.href, text: "First" }}
        next={
          more &&
          last && {
            href: `${SECTIONS.agents.href}?${new URLSearchParams({ after: last.id }).toString()}`,
            text: "Next",
          }
        }
      />
    </ConsolePage>,
  )
}

const Row: FC<{ readonly of: ListedAgent; readonly stop: Stop | null; readonly now: number }> = ({
  of: { id, owner, purposes, bound_key, last_seen, calls, denied },
  stop,
  now,
}) => (
  <tr>
    <td data-label="Agent">
      <a href={agentPath(id)}>
        <Text of={id} most={120} />
      </a>{" "}
      {stop && <span class="badge bad">{stop.before === undefined ? "Suspended" : "Partly suspended"}</span>}{" "}
      {bound_key && <span class="badge">Bound key</span>}
    </td>
    <td data-label="Owner">
      <Text of={owner} most={60} />
    </td>
    <td data-label="Purposes">
      <Text of={purposes.join(", ")} most={160} />
    </td>
    <td data-label="Last seen">
      {last_seen === null ? <span class="quiet">No calls yet</span> : <Moment at={last_seen} now={now} />}
    </td>
    <Counts calls={calls} denied={denied} />
  </tr>
)

/** The number of calls, and of denied calls: two cells of a row. */
export const Counts: FC<Pick<ListedAgent, "calls" | "denied">> = ({ calls, denied }) => (
  <>
    <td data-label="Calls" class="number">
      {calls}
    </td>
    <td data-label="Denied" class="number">
      {denied}
    </td>
  </>
)

/** The suspension of this agent; one without a time (`before`) comes first. Null if the agent itself is not suspended. */
export function stopOf(id: string, switches: readonly Stop[] | null): Stop | null {
  const suspensions = switches?.filter(({ agent }) => agent === id) ?? []
  return suspensions.find(({ before }) => before === undefined) ?? suspensions[0] ?? null
}

/** The records that the figures are counted from. */
export const RecordRange: FC<{ readonly of: SearchedRange; readonly now: number }> = ({
  of: { records, since },
  now,
}) => <>{since === null ? "No records yet." : `Counted from the last ${spanText(now - since)} (${records} records).`}</>
