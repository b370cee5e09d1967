/** One agent: whether it is suspended, what it may call and has called, its registration, and its latest decisions. */
import { CONTRACT } from "../../api/contract/contract.ts"
import { respondPage } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { markInvisible } from "../../web/visible.ts"
import { timelineEventOf, Timeline } from "../decisions/timeline.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { RecordRange, stopOf } from "./list.tsx"
import { Permissions } from "./permissions.tsx"
import { Registry } from "./registry.tsx"
import { Suspension } from "./suspension.tsx"

export const agentPage = {
  path: "/agents/agent",
  section: "agents",
  readers: "viewer",
  view: showAgent,
} as const satisfies PageDefinition

const MAX_DECISIONS = 15

async function showAgent(request: PageRequest): Promise<Response> {
  const id = request.c.req.query("id") ?? ""
  const query = new URLSearchParams({ agent: id, limit: String(MAX_DECISIONS) })
  const [response, revocations, latestDecisions] = await Promise.all([
    request.callApi("GET", `/v1/agents/${encodeURIComponent(id)}`),
    request.callApi("GET", "/v1/revocations"),
    request.callApi("GET", `/v1/decisions?${query.toString()}`),
  ])
  if (response.status !== 200) return failurePage(request, response)
  const agent = CONTRACT.showAgent.answer().parse(response.body)
  const switches =
    revocations.status === 200 ? CONTRACT.listRevocations.answer().parse(revocations.body).revocations : null
  const events =
    latestDecisions.status === 200
      ? CONTRACT.listDecisions
          .answer()
          .parse(latestDecisions.body)
          .decisions.map((record) => timelineEventOf(record))
      : null
  const now = request.context.receivedAt
  const everything = switches?.find((each) => each.everything === true)
  const isOfClass = agent.history !== agent.id
  const ofClass = isOfClass && switches?.some((each) => each.agent === agent.history)
  return respondPage(
    <ConsolePage title={`${markInvisible(agent.id.split("/").at(-1) ?? "")} agent`} request={request}>
      <p>
        <a href={SECTIONS.agents.href}>Agents</a>
      </p>
      <h1 class="wrap">
        <Text of={agent.id} most={300} />
      </h1>
      <p class="lead">
        {agent.last_seen === null ? (
          "No calls yet. "
        ) : (
          <>
            Last seen <Moment at={agent.last_seen} now={now} />.{" "}
          </>
        )}
        {`${agent.calls} calls, ${agent.denied} denied. `}
        <RecordRange of={agent.permissions.looked_at} now={now} />
        {isOfClass && " These are the calls of all clients of its class, which have one history."}
      </p>
      {everything && <p class="notice bad">Everything is suspended, and so is this agent.</p>}
      {ofClass && <p class="notice bad">All clients of its class are suspended, and so is this one.</p>}
      <Suspension
        of={agent}
        stop={stopOf(agent.id, switches)}
        unseen={switches === null}
        now={now}
        reader={request.reader}
      />
      <div class="columns">
        <Permissions of={agent} now={now} />
        <Registry of={agent} />
      </div>
      <h2>Latest decisions</h2>
      {events === null && (
        <p class="quiet">The decisions are unavailable at the moment, or you have no permission to see them.</p>
      )}
      {events?.length === 0 && <p class="empty card">No decisions are recorded.</p>}
      {events && events.length > 0 && <Timeline events={events} now={now} linked />}
      <p>
        <a href={`/console/live?${new URLSearchParams({ agent: agent.id }).toString()}`}>View decisions</a>
      </p>
    </ConsolePage>,
  )
}
