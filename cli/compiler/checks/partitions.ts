/** An agent with partitions: each of its instances proves which it is, and what it counts can be counted over all of them. */
import type { ExactClaims } from "../../../src/core/policy/definition/claims.ts"
import { isOfFleet } from "../../../src/core/guardrails/limit-definition.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"

export function checkPartitions(policies: Policies): Problem[] {
  return [...instances(policies), ...proofs(policies), ...uses(policies), ...inFlight(policies)]
}

/** They are the same for all instances, or others in each token. */
const OF_NO_INSTANCE: ReadonlySet<string> = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"])

/** Nested claim of Kubernetes, and those of its members that follow from the subject. */
const KUBERNETES = "kubernetes.io"
const OF_ACCOUNT: ReadonlySet<string | undefined> = new Set(["namespace", "serviceaccount"])

function instances({ agents }: Policies): Problem[] {
  return agents.value.agents.flatMap(({ identities = [] }, index) =>
    identities.flatMap(({ instance, claims = {} }, at) => {
      const [name, member] = instance ?? []
      if (instance === undefined || name === undefined) return []
      const path = ["agents", index, "identities", at, "instance"]
      const fix = "Name a claim with the id of the instance, such as a pod's uid: `[kubernetes.io, pod, uid]`."
      if (member === undefined && (name === KUBERNETES || name.startsWith(`${KUBERNETES}.`)))
        return [agents.error(path, `\`${name}\` is one name, and no text of a token of Kubernetes has it`, fix)]
      const isOfAccount = name === KUBERNETES && OF_ACCOUNT.has(member)
      if (!isFixed(claims, instance) && !isOfAccount && !OF_NO_INSTANCE.has(name)) return []
      const message = `\`${instance.join(".")}\` does not distinguish instances: it is the same for all of them, or another one in each token`
      return [agents.error(path, message, fix)]
    }),
  )
}

/** Whether the identity requires one value there. */
function isFixed(claims: ExactClaims, [name, ...inner]: readonly string[]): boolean {
  const value = name === undefined ? undefined : Object.entries(claims).find(([claim]) => claim === name)?.[1]
  if (value === undefined) return false
  return typeof value === "object" ? isFixed(value, inner) : true
}

function proofs({ agents }: Policies): Problem[] {
  return agents.value.agents.flatMap(({ id, identities = [], client, partitions = 1, bound_key: isBound }, index) => {
    const named = identities.filter(({ instance }) => instance !== undefined)
    const isNamed = !id.startsWith("spiffe:") && named.length === identities.length && client?.metadata !== true
    if (partitions === 1 || isBound || (isNamed && named.length > 0)) return []
    const message = "nothing proves which instance of the agent asks, and so in which of its partitions it works"
    const fix =
      "Write `bound_key: true`, or name the `instance` claim in each of its identities; keys of its own have none."
    return [agents.error(["agents", index, "partitions"], message, fix)]
  })
}

function uses({ agents }: Policies): Problem[] {
  const userless = withoutUser({ agents })
  return agents.value.agents.flatMap(({ purposes, partitions = 1 }, index) => {
    if (partitions === 1 || purposes.some((name) => userless.has(name))) return []
    const message = "`partitions` has no effect: each purpose of the agent requires a user"
    return [
      agents.error(["agents", index, "partitions"], message, "Remove it, or write `user: optional` for a purpose."),
    ]
  })
}

/** Calls in flight are not lent. */
function inFlight({ agents, guardrails }: Policies): Problem[] {
  const userless = withoutUser({ agents })
  return agents.value.agents.flatMap(({ purposes: all, partitions = 1 }, index) => {
    const purposes = all.filter((name) => userless.has(name))
    const entry = guardrails.value.concurrency.find(
      (each) => isOfFleet(each) && purposes.some((name) => each.purposes?.includes(name) ?? true),
    )
    if (partitions === 1 || !entry) return []
    const message = `\`${entry.id}\` counts calls in flight of this agent, and such a count cannot span partitions`
    const fix = `Write \`per: [tree, …]\` for \`${entry.id}\`, or \`purposes\` that require a user, or remove \`partitions\`.`
    return [agents.error(["agents", index, "partitions"], message, fix)]
  })
}

function withoutUser({ agents }: Pick<Policies, "agents">): ReadonlySet<string> {
  return new Set(agents.value.purposes.flatMap(({ name, user }) => (user === "optional" ? [name] : [])))
}
