/** As what an agent is registered: whose it is, how it proves itself, and what it may be given for which purpose. */
import type { Child, FC } from "hono/jsx"
import { spanText, Text } from "../../web/text.tsx"
import { agentPath } from "../layout/paths.ts"
import type { Agent, Grant, Purpose } from "../../api/contract/agents.ts"

/** Of a list of names. */
const MAX_LISTED = 60
const MAX_PURPOSES = 12

export const Registry: FC<{ readonly of: Agent }> = ({ of: agent }) => {
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
