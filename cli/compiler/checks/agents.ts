/** What agents.yaml refers to is there: purposes, agents, environments. */
import { historyKeyOf } from "../../../src/core/guardrails/history-key.ts"
import { isKeyOfClass } from "../../../src/core/policy/registered-clients.ts"
import { anyCovers, parseScope, patternCovers } from "../../../src/core/catalog/pattern.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import { allTools } from "../model/tools.ts"
import type { AgentsFile } from "../schema/agents.ts"
import type { Path } from "../source/source.ts"
import { grantsOf } from "./grants.ts"
import { unknownName } from "./references.ts"

export function checkAgents(policies: Policies): Problem[] {
  return [
    ...references(policies),
    ...defaults(policies),
    ...plans(policies),
    ...reach(policies),
    ...keys(policies),
    ...environments(policies),
    ...audiences(policies),
    ...clients(policies),
  ]
}

/** Its calls would count as those of clients that register themselves, because a ledger recognizes them by their ids. */
function clients({ agents }: Policies): Problem[] {
  const { registration, agents: all } = agents.value
  return all.flatMap(({ id }, index) => {
    const isClient = historyKeyOf(id) !== id
    if (!isClient && !(registration && isKeyOfClass(registration, id))) return []
    const message = "the id has the form of those of clients that register themselves"
    return [agents.error(["agents", index, "id"], message, "Give the agent an id without `/clients/` in it.")]
  })
}

function references({ agents }: Policies): Problem[] {
  const purposes = new Set(agents.value.purposes.map(({ name }) => name))
  const ids = new Set(agents.value.agents.map(({ id }) => id))
  const problems: Problem[] = []
  for (const { path, purposes: names } of actors(agents.value)) {
    for (const [at, name] of names.entries()) {
      if (purposes.has(name)) continue
      const where = [...path, "purposes", at]
      problems.push(unknownName(agents, where, "purpose", name, purposes, "Add it under `purposes`."))
    }
  }
  for (const [index, agent] of agents.value.agents.entries()) {
    for (const [at, id] of agent.delegates_to.entries()) {
      if (ids.has(id) && id !== agent.id) continue
      const message = id === agent.id ? "an agent cannot delegate to itself" : `no agent is called \`${id}\``
      const fix = suggest(
        id,
        [...ids].filter((other) => other !== agent.id),
        "Register it under `agents`, or remove it.",
      )
      problems.push(agents.error(["agents", index, "delegates_to", at], message, fix))
    }
    if (agent.delegates_to.length > 0 && agent.depth === 0) {
      const message = "`delegates_to` has no effect at depth 0"
      problems.push(agents.error(["agents", index, "delegates_to"], message, "Write `depth: 1` or more, or remove it."))
    }
  }
  return problems
}

/** What is granted unasked must be within what may be granted at all. */
function defaults({ agents, catalog }: Policies): Problem[] {
  const tools = allTools(catalog.value)
  return agents.value.purposes.flatMap(({ default: unasked = [], grant }, index) => {
    const granted = unasked.length > 0 ? covered(grant.tools, tools) : NONE
    return unasked.flatMap((text, at) => {
      const outside = [...covered([text], tools)].find((tool) => !granted.has(tool))
      if (!outside) return []
      const message = `\`${text}\` covers \`${outside.name}\`, which the purpose's grant does not`
      const fix = `Add \`${outside.name}:${outside.action}\` to \`grant.tools\`, or narrow the default.`
      return [agents.error(["purposes", index, "default", at], message, fix)]
    })
  })
}

/** A step that the purpose's grant does not cover can never be called, and a plan in order ends there. */
function plans({ agents, catalog }: Policies): Problem[] {
  const tools = allTools(catalog.value)
  return agents.value.purposes.flatMap(({ plan, grant }, index) => {
    const granted = [...(plan ? covered(grant.tools, tools) : NONE)]
    return (plan?.steps ?? []).flatMap(({ tools: patterns }, at) => {
      if (granted.some((tool) => patterns.some((pattern) => patternCovers(pattern, tool.name)))) return []
      const message = `the purpose's grant covers no tool of step ${at + 1} of its plan`
      const fix = "Add the tool to `grant.tools`, or remove the step."
      return [agents.error(["purposes", index, "plan", "steps", at], message, fix)]
    })
  })
}

/** An agent that may do nothing for a purpose of its own: most likely a slip in the ceiling. */
function reach({ agents, catalog }: Policies): Problem[] {
  const tools = allTools(catalog.value)
  const granted = new Map(agents.value.purposes.map(({ name, grant }) => [name, covered(grant.tools, tools)]))
  return actors(agents.value).flatMap(({ path, ...agent }) => {
    const ceiling = covered(agent.ceiling.tools, tools)
    return agent.purposes.flatMap((name, at) => {
      const purpose = granted.get(name)
      if (!purpose || !purpose.isDisjointFrom(ceiling)) return []
      const message = `the agent's ceiling covers no tool of purpose \`${name}\``
      return [agents.error([...path, "purposes", at], message, "Widen `ceiling.tools`, or remove the purpose.")]
    })
  })
}

/** An isolated task is that of one instance of its agent, which only a key distinguishes from another. */
function keys({ agents }: Policies): Problem[] {
  const isolated = new Set(agents.value.purposes.flatMap(({ name, isolated: is }) => (is ? [name] : [])))
  return actors(agents.value).flatMap(({ path, ...agent }) =>
    agent.purposes.flatMap((name, at) => {
      if (agent.bound_key === true || !isolated.has(name)) return []
      const message = `purpose \`${name}\` is isolated, and this agent needs no key`
      const fix = "Write `bound_key: true` for the agent, or remove the purpose."
      return [agents.error([...path, "purposes", at], message, fix)]
    }),
  )
}

function environments({ agents, gateways }: Policies): Problem[] {
  const environments = new Set(gateways.value.gateways.map(({ environment }) => environment))
  return grantsOf(agents.value).flatMap(({ path, grant }) =>
    (grant.environments ?? []).flatMap((name, at) => {
      if (environments.has(name)) return []
      const fix = suggest(name, environments, "Add a gateway with this `environment`, or remove it.")
      return [agents.error([...path, "environments", at], `no gateway is in environment \`${name}\``, fix)]
    }),
  )
}

function audiences({ agents, gateways }: Policies): Problem[] {
  const ofGateways = new Set(gateways.value.gateways.map(({ audience }) => audience))
  return actors(agents.value).flatMap(({ path, audiences = [] }) =>
    audiences.flatMap((audience, at) => {
      if (ofGateways.has(audience)) return []
      const fix = suggest(audience, ofGateways, "Name the `audience` of a gateway.")
      return [agents.error([...path, "audiences", at], `no gateway has the audience \`${audience}\``, fix)]
    }),
  )
}

/** Each agent, and the class of those that register themselves. */
function actors({ agents, registration }: AgentsFile): readonly Actor[] {
  const classes = registration ? [{ path: ["registration"], ...registration }] : []
  return [...agents.map((agent, index) => ({ path: ["agents", index], ...agent })), ...classes]
}

interface Actor extends Pick<AgentsFile["agents"][number], "ceiling" | "purposes" | "audiences"> {
  readonly path: Path
  readonly bound_key?: boolean
}

const NONE: ReadonlySet<Tool> = new Set()

function covered(scopes: readonly string[], tools: readonly Tool[]): ReadonlySet<Tool> {
  return new Set(tools.filter(anyCovers(scopes.flatMap((text) => parseScope(text) ?? []))))
}
