/** One agent: who it is, whether it is stopped, what it may, what of that it has used, and what it did last. */
import { CONTRACT } from "../../api/contract/contract.ts"
import { respondPage } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { eventOf, Timeline } from "../decisions/timeline.tsx"
import { apology, ConsolePage } from "../layout/frame.tsx"
import type { PageRequest } from "../layout/visit.tsx"
import { Reach, SECTION, stopOf } from "./list.tsx"
import { Permissions } from "./permissions.tsx"
import { Registry } from "./registry.tsx"
import { Suspension } from "./suspension.tsx"

const MAX_DECISIONS = 15

export async function showAgent(visit: PageRequest): Promise<Response> {
  const id = visit.c.req.query("id") ?? ""
  const latest = new URLSearchParams({ agent: id, limit: String(MAX_DECISIONS) })
  const [said, stopped, decided] = await Promise.all([
    visit.ask("GET", `/v1/agents/${encodeURIComponent(id)}`),
    visit.ask("GET", "/v1/revocations"),
    visit.ask("GET", `/v1/decisions?${latest.toString()}`),
  ])
  if (said.status !== 200) return apology(visit, SECTION, said)
  const agent = CONTRACT.showAgent.answer().parse(said.body)
  const switches = stopped.status === 200 ? CONTRACT.listRevocations.answer().parse(stopped.body).revocations : null
  const events =
    decided.status === 200
      ? CONTRACT.listDecisions
          .answer()
          .parse(decided.body)
          .decisions.map((record) => eventOf(record))
      : null
  const now = visit.context.receivedAt
  const everything = switches?.find((each) => each.everything === true)
  return respondPage(
    <ConsolePage title="An agent" visit={visit} section={SECTION}>
      <p>
        <a href={SECTION}>All agents</a>
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
        visitor={visit.visitor}
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
