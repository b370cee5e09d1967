/** One agent: who it is, whether it is stopped, what it may, what of that it has used, and what it did last. */
import { respondPage } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { decisions } from "../../api/contract/decisions-console.ts"
import { eventOf, Timeline } from "../decisions/timeline.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { Reach, stopOf } from "./list.tsx"
import { Permissions } from "./permissions.tsx"
import { Registry } from "./registry.tsx"
import { agent as shape } from "../../api/contract/agents.ts"
import { stops } from "../../api/contract/revocations.ts"
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
  const latest = new URLSearchParams({ agent: id, limit: String(MAX_DECISIONS) })
  const [response, stopped, decided] = await Promise.all([
    request.callApi("GET", `/v1/agents/${encodeURIComponent(id)}`),
    request.callApi("GET", "/v1/revocations"),
    request.callApi("GET", `/v1/decisions?${latest.toString()}`),
  ])
  if (response.status !== 200) return failurePage(request, response)
  const agent = shape.parse(response.body)
  const switches = stopped.status === 200 ? stops.parse(stopped.body).revocations : null
  const events =
    decided.status === 200 ? decisions.parse(decided.body).decisions.map((record) => eventOf(record)) : null
  const now = request.context.receivedAt
  const everything = switches?.find((each) => each.everything === true)
  return respondPage(
    <ConsolePage title="An agent" request={request}>
      <p>
        <a href={SECTIONS.agents.href}>All agents</a>
      </p>
      <h1 class="wrap">
        <Text of={agent.id} most={300} />
      </h1>
      <p class="lead">
        {agent.last_seen === null ? (
          "Not seen. "
        ) : (
          <>
            Last seen <Moment at={agent.last_seen} now={now} />.{" "}
          </>
        )}
        {`${agent.calls} calls, ${agent.denied} of them denied. `}
        <Reach of={agent.permissions.looked_at} now={now} />
      </p>
      {everything && <p class="notice bad">Everything is stopped, and so is this agent.</p>}
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
      {events === null && <p class="quiet">They cannot be seen at the moment, or not by you.</p>}
      {events?.length === 0 && <p class="empty card">None is kept.</p>}
      {events && events.length > 0 && <Timeline events={events} now={now} linked />}
      <p>
        <a href={`/console/live?${new URLSearchParams({ agent: agent.id }).toString()}`}>Follow it live</a>
      </p>
    </ConsolePage>,
  )
}
