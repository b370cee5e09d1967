/** Who is registered, page by page: the latest seen are not first, as ids are what one looks for. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { respondPage } from "../../web/page.tsx"
import { Moment, spanText, Text } from "../../web/text.tsx"
import { apology, ConsolePage } from "../layout/frame.tsx"
import { Paging } from "../layout/paging.tsx"
import { agentPath } from "../layout/paths.ts"
import { Table } from "../layout/table.tsx"
import type { PageRequest } from "../layout/visit.tsx"
import type { ListedAgent, LookedAt } from "../../api/contract/agents.ts"
import type { Stop } from "../../api/contract/revocations.ts"

export const SECTION = "/console/agents"
const PAGE = 60

export async function listAgents(visit: PageRequest): Promise<Response> {
  const after = visit.c.req.query("after")
  const query = new URLSearchParams({ limit: String(PAGE), ...(after !== undefined && { after }) })
  const [said, stopped] = await Promise.all([
    visit.ask("GET", `/v1/agents?${query.toString()}`),
    visit.ask("GET", "/v1/revocations"),
  ])
  if (said.status !== 200) return apology(visit, SECTION, said)
  const { agents: listed, more, total, looked_at } = CONTRACT.listAgents.answer().parse(said.body)
  const switches = stopped.status === 200 ? CONTRACT.listRevocations.answer().parse(stopped.body).revocations : null
  const now = visit.context.receivedAt
  const last = listed.at(-1)
  return respondPage(
    <ConsolePage title="Agents" visit={visit} section={SECTION}>
      <h1>Agents</h1>
      <p class="lead">
        {`${total} ${total === 1 ? "is" : "are"} registered. `}
        <Reach of={looked_at} now={now} />
      </p>
      {switches === null && <p class="notice warn">What is stopped cannot be seen at the moment, or not by you.</p>}
      {listed.length === 0 && <p class="empty card">There are none.</p>}
      <Table
        caption="Registered agents"
        columns={["Agent", "Owner", "Purposes", "Last seen", { number: "Calls" }, { number: "Denied" }]}
      >
        {listed.map((agent) => (
          <Row of={agent} stop={stopOf(agent.id, switches)} now={now} />
        ))}
      </Table>
      <Paging
        first={after !== undefined && { href: SECTION, text: "The first" }}
        next={
          more && last && { href: `${SECTION}?${new URLSearchParams({ after: last.id }).toString()}`, text: "More" }
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
      {stop && <span class="badge bad">{stop.before === undefined ? "suspended" : "partly suspended"}</span>}{" "}
      {bound_key && <span class="badge">bound key</span>}
    </td>
    <td data-label="Owner">
      <Text of={owner} most={60} />
    </td>
    <td data-label="Purposes">
      <Text of={purposes.join(", ")} most={160} />
    </td>
    <td data-label="Last seen">
      {last_seen === null ? <span class="quiet">not seen</span> : <Moment at={last_seen} now={now} />}
    </td>
    <Counts calls={calls} denied={denied} />
  </tr>
)

/** How much was called, and how much of it denied: two cells of a row. */
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

/** The one that stops it wholly, if there is one; everything's stops agents, too, but is told elsewhere. */
export function stopOf(id: string, switches: readonly Stop[] | null): Stop | null {
  const own = switches?.filter(({ agent }) => agent === id) ?? []
  return own.find(({ before }) => before === undefined) ?? own[0] ?? null
}

/** How far back the figures reach. */
export const Reach: FC<{ readonly of: LookedAt; readonly now: number }> = ({ of: { records, since }, now }) => (
  <>
    {since === null
      ? "There are no records yet."
      : `When they were seen, and what they have called, is told by the newest ${records} records, of the last ${spanText(now - since)}.`}
  </>
)
