/** The registration of an agent: its owner, how it authenticates, and the grant of each of its purposes. */
import type { Child, FC } from "hono/jsx"
import { isObject } from "../../core/encoding/json.ts"
import { boundInWords, nameText } from "../../core/task/grant-words.ts"
import { spanText, Text } from "../../web/text.tsx"
import { agentPath } from "../layout/paths.ts"
import type { Agent, Grant, Purpose } from "../../api/contract/agents.ts"

/** The most names of a list. */
const MAX_LISTED = 60
const MAX_PURPOSES = 12

export const Registry: FC<{ readonly of: Agent }> = ({ of: agent }) => {
  const facts: readonly (readonly [string, Child])[] = [
    ["Owner", <Text of={agent.owner} most={200} />],
    ["Groups", several(agent.groups)],
    [
      "Authenticates by",
      several(
        agent.identities.map(({ kind, issuer, subject }) =>
          [kind, issuer, subject].filter((part) => part !== undefined).join(" "),
        ),
      ) ?? "its JWT-SVID",
    ],
    ["Key", agent.bound_key ? "Tokens must be bound to a key" : "Tokens may be bound to a key"],
    ["May delegate to", agent.delegates_to.length === 0 ? "no agent" : <Agents ids={agent.delegates_to} />],
    ["Depth of delegation", String(agent.depth)],
    ["Token lifetime", spanText(agent.life * 1000)],
    ["Tasks for one user", `${agent.trees.live} active, ${agent.trees.per_minute} new a minute`],
    ["Ledgers for tasks without a user", String(agent.partitions ?? 1)],
    ["Audiences", agent.audiences ? several(agent.audiences) : "any"],
    ["Ceiling", <GrantText of={agent.ceiling} />],
  ]
  return (
    <section>
      <h2>Registration</h2>
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
        <p class="quiet">{`${agent.purposes.length - MAX_PURPOSES} more purposes.`}</p>
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
      {`Lasts ${spanText(life * 1000)}${idle === null ? "" : `, or ${spanText(idle * 1000)} without a call`}; `}
      {user === "required" ? "a user is required" : "a user is optional"}
      {has_plan && "; with a plan"}
    </p>
  </details>
)

const GrantText: FC<{ readonly of: Grant }> = ({
  of: { tools, max_sensitivity, environments, calls, arguments: bounds, closed },
}) => (
  <>
    <code>{several(tools, " ") ?? "nothing"}</code>
    {`, up to ${max_sensitivity}`}
    {environments && `, in ${environments.join(", ").slice(0, 200)}`}
    {calls !== null && `, ${calls} calls`}
    {Object.keys(bounds).length > 0 && (
      <>
        , with <Text of={wordsOf(bounds)} most={400} />
      </>
    )}
    {closed && ", with no other argument"}
  </>
)

const wordsOf = (bounds: Grant["arguments"]): string =>
  Object.entries(bounds)
    .map(([name, bound]) =>
      isObject(bound) ? boundInWords(name, bound) : `${nameText(name)} ${JSON.stringify(bound)}`,
    )
    .join("; ")

/** Null if there are no names. */
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
