/** One agent: who it is, whether it is stopped, what it may, what of that it has used, and what it did last. */
import type { Child, FC } from "hono/jsx"
import { respondPage } from "../../page/page.tsx"
import { Moment, spanText, Text } from "../../page/text.tsx"
import { lineOf } from "../decisions/line.ts"
import { decisions } from "../decisions/said.ts"
import { apology, ConsolePage } from "../frame.tsx"
import { stops, type Stop } from "../stop/said.ts"
import type { Visit } from "../visit.tsx"
import { agentPath, Reach, SECTION, stopOf } from "./list.tsx"
import { agent as shape, type Agent, type Grant, type Permission, type Purpose } from "./said.ts"

const MAX_DECISIONS = 15
/** Of lists on the page. */
const MAX_LISTED = 60
const MAX_PURPOSES = 12

export async function showAgent(visit: Visit): Promise<Response> {
  const id = visit.c.req.query("id") ?? ""
  const latest = new URLSearchParams({ agent: id, limit: String(MAX_DECISIONS) })
  const [said, stopped, decided] = await Promise.all([
    visit.ask("GET", `/v1/agents/${encodeURIComponent(id)}`),
    visit.ask("GET", "/v1/revocations"),
    visit.ask("GET", `/v1/decisions?${latest.toString()}`),
  ])
  if (said.status !== 200) return apology(visit, SECTION, said)
  const agent = shape.parse(said.body)
  const switches = stopped.status === 200 ? stops.parse(stopped.body).revocations : null
  const lines = decided.status === 200 ? decisions.parse(decided.body).decisions.map(lineOf) : null
  const now = visit.around.receivedAt
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
      <Suspension of={agent} stop={stopOf(agent.id, switches)} unseen={switches === null} now={now} visit={visit} />
      <div class="columns">
        <Permissions of={agent} now={now} />
        <Registry of={agent} />
      </div>
      <h2>Latest decisions</h2>
      {lines === null && <p class="quiet">They cannot be seen at the moment, or not by you.</p>}
      {lines?.length === 0 && <p class="empty card">None is kept.</p>}
      {lines && lines.length > 0 && (
        <ul class="timeline">
          {lines.map((line) => (
            <li class={line.decision === "allow" ? "good" : "bad"}>
              <a href={`/console/decisions/${line.id}`}>{line.time}</a> {line.what}
              <div class="quiet">{[line.code, line.why].filter((part) => part !== "").join(": ") || "allowed"}</div>
            </li>
          ))}
        </ul>
      )}
      <p>
        <a href={`/console/live?${new URLSearchParams({ agent: agent.id }).toString()}`}>Follow it live</a>
      </p>
    </ConsolePage>,
  )
}

interface Suspended {
  readonly of: Agent
  readonly stop: Stop | null
  readonly unseen: boolean
  readonly now: number
  readonly visit: Visit
}

const Suspension: FC<Suspended> = ({ of: { id }, stop, unseen, now, visit }) => {
  if (unseen) return <p class="notice warn">Whether it is stopped cannot be seen at the moment, or not by you.</p>
  if (stop) {
    return (
      <div class="notice bad row">
        <p>
          <strong>
            Suspended
            {stop.at !== undefined && (
              <>
                {" "}
                since <Moment at={stop.at} now={now} />
              </>
            )}
            {stop.before !== undefined && (
              <>
                , for what was given before <Moment at={stop.before * 1000} now={now} />
              </>
            )}
          </strong>
          {stop.by !== undefined && (
            <>
              {" "}
              by <Text of={stop.by} most={120} />
            </>
          )}
          {stop.reason !== undefined && (
            <>
              : <Text of={stop.reason} most={400} />
            </>
          )}
        </p>
        {visit.visitor.roles.includes("operator") && (
          <a class="button end" href={`/console/stop/lift?id=${encodeURIComponent(stop.id)}&from=agents`}>
            Resume it …
          </a>
        )}
      </div>
    )
  }
  if (!visit.visitor.roles.includes("operator")) return null
  return (
    <form method="get" action="/console/stop/confirm" class="filters">
      <input type="hidden" name="kind" value="agent" />
      <input type="hidden" name="name" value={id} />
      <input type="hidden" name="from" value="agents" />
      <div>
        <label for="reason">Suspend it, because</label>
        <input id="reason" name="reason" maxlength={1_024} size={32} required />
      </div>
      <button class="stop">Suspend …</button>
    </form>
  )
}

const Registry: FC<{ readonly of: Agent }> = ({ of: agent }) => {
  const facts: readonly (readonly [string, Child])[] = [
    ["Owner", <Text of={agent.owner} most={200} />],
    ["Groups", several(agent.groups)],
    [
      "Proven by",
      several(
        agent.identities.map(({ kind, issuer, subject }) =>
          [kind, issuer, subject].filter((part) => part !== undefined).join(" "),
        ),
      ) ?? "its JWT-SVID",
    ],
    ["Key", agent.bound_key ? "tokens only for a key that it proves" : "tokens with or without a key"],
    ["May delegate to", agent.delegates_to.length === 0 ? "nobody" : <Agents ids={agent.delegates_to} />],
    ["Depth below it", String(agent.depth)],
    ["A token lives", spanText(agent.life * 1000)],
    ["Tasks for one person", `${agent.trees.live} alive, ${agent.trees.per_minute} opened in a minute`],
    ["Audiences", agent.audiences ? several(agent.audiences) : "any gateway's"],
    ["Ceiling", <GrantText of={agent.ceiling} />],
  ]
  return (
    <section>
      <h2>Registered as</h2>
      <dl class="facts card">
        {facts.map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value ?? "none"}</dd>
          </>
        ))}
      </dl>
      <h2>Purposes</h2>
      {agent.purposes.slice(0, MAX_PURPOSES).map((purpose) => (
        <PurposeCard of={purpose} />
      ))}
      {agent.purposes.length > MAX_PURPOSES && (
        <p class="quiet">{`And ${agent.purposes.length - MAX_PURPOSES} more.`}</p>
      )}
    </section>
  )
}

const PurposeCard: FC<{ readonly of: Purpose }> = ({ of: { name, grant, life, idle, user, has_plan } }) => (
  <details class="card">
    <summary>
      <Text of={name} most={100} />
    </summary>
    <GrantText of={grant} />
    <p class="quiet">
      {`For ${spanText(life * 1000)}${idle === null ? "" : `, or ${spanText(idle * 1000)} without a call`}; `}
      {user === "required" ? "only on somebody's behalf" : "also on nobody's behalf"}
      {has_plan && "; by a plan"}
    </p>
  </details>
)

const GrantText: FC<{ readonly of: Grant }> = ({
  of: { tools, max_sensitivity, environments, calls, arguments: bounds },
}) => (
  <>
    <code>{several(tools, " ") ?? "nothing"}</code>
    {`, up to ${max_sensitivity}`}
    {environments && `, in ${environments.join(", ").slice(0, 200)}`}
    {calls !== null && `, ${calls} calls`}
    {Object.keys(bounds).length > 0 && (
      <>
        , with <Text of={JSON.stringify(bounds)} most={400} />
      </>
    )}
  </>
)

/** Null: there are none. */
function several(names: readonly string[], between = ", "): Child {
  if (names.length === 0) return null
  const more = names.length - MAX_LISTED
  return (
    <>
      <Text of={names.slice(0, MAX_LISTED).join(between)} most={1_000} />
      {more > 0 && ` and ${more} more`}
    </>
  )
}

const Agents: FC<{ readonly ids: readonly string[] }> = ({ ids }) => (
  <>
    {ids.slice(0, MAX_LISTED).map((id, index) => (
      <>
        {index > 0 && ", "}
        <a href={agentPath(id)}>
          <Text of={id} most={200} />
        </a>
      </>
    ))}
  </>
)

const Permissions: FC<{ readonly of: Agent; readonly now: number }> = ({ of: { permissions }, now }) => {
  const { tools, total, unused, beyond } = permissions
  const used = tools.filter(({ calls }) => calls > 0)
  const never = tools.filter(({ calls }) => calls === 0)
  return (
    <section>
      <h2>What it may, and has used</h2>
      <p>
        <label for="used">{`${total - unused} of ${total} tools that its purposes hold were called and allowed, in the records that were looked at.`}</label>
        <meter id="used" min={0} max={Math.max(1, total)} value={total - unused}>
          {`${total - unused} of ${total}`}
        </meter>
      </p>
      {used.length > 0 && <Used tools={used} now={now} />}
      {never.length > 0 && (
        <details class="card" open={used.length === 0}>
          <summary>{`${never.length}${tools.length < total ? " or more" : ""} never called: what could be taken away`}</summary>
          <ul>
            {never.slice(0, 2 * MAX_LISTED).map(({ tool, action, sensitivity }) => (
              <li>
                <code>
                  <Text of={tool} most={100} />
                </code>{" "}
                <span class="quiet">{`${action}, ${sensitivity}`}</span>
              </li>
            ))}
          </ul>
          {never.length > 2 * MAX_LISTED && <p class="quiet">{`And ${never.length - 2 * MAX_LISTED} more.`}</p>}
        </details>
      )}
      {beyond.length > 0 && (
        <div class="notice warn">
          <p>It has asked for tools that none of its purposes holds:</p>
          <ul>
            {beyond.slice(0, MAX_LISTED).map(({ tool, calls, denied }) => (
              <li>
                <code>
                  <Text of={tool} most={100} />
                </code>
                {`: ${calls} ${calls === 1 ? "call" : "calls"}, ${denied} denied`}
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  )
}

const Used: FC<{ readonly tools: readonly Permission[]; readonly now: number }> = ({ tools, now }) => (
  <div class="table">
    <table class="stack">
      <caption>Tools that it has called, the latest first</caption>
      <thead>
        <tr>
          <th scope="col">Tool</th>
          <th scope="col" class="number">
            Calls
          </th>
          <th scope="col" class="number">
            Denied
          </th>
          <th scope="col">Last</th>
        </tr>
      </thead>
      <tbody>
        {tools.slice(0, MAX_LISTED + 20).map(({ tool, action, calls, denied, last }) => (
          <tr>
            <td data-label="Tool">
              <code>
                <Text of={tool} most={100} />
              </code>{" "}
              <span class="quiet">{action}</span>
            </td>
            <td data-label="Calls" class="number">
              {calls}
            </td>
            <td data-label="Denied" class="number">
              {denied}
            </td>
            <td data-label="Last">{last !== null && <Moment at={last} now={now} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
)
