/**
 * The queries that can arise under a bundle at all: which principals could request what, by purposes, ceilings and
 * roles. Users are not known, so one may be in any group that a rule names, or in none. If no issuer vouches for users,
 * there are none.
 */
import type { Tool } from "../../src/core/catalog/tool.ts"
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { ROLES } from "../../src/core/policy/definition/operators.ts"
import { readUid } from "../../src/core/policy/cedar/values/cedar-json.ts"
import type { EntityStore } from "../../src/core/policy/cedar/entities.ts"
import { isNode, type Node } from "../../src/core/policy/cedar/est.ts"
import { actionRef, entitiesFor, principalsOf, toolRef } from "../../src/core/policy/principals.ts"
import { keysWithin, readScope } from "../../src/core/policy/cedar/scope.ts"
import type { EntityRef } from "../../src/core/policy/cedar/values/value.ts"
import { areaRef, AREAS, manageRequest, type OperatorFacts } from "../../src/core/policy/management.ts"
import { within } from "../../src/core/task/narrow.ts"

/** Keys of all scopes that match an entity. */
type Keys = ReadonlySet<string>

/** The possible queries about one resource: each action with its possible principals. */
interface Topic {
  readonly resource: Keys
  readonly actions: readonly {
    readonly action: Keys
    readonly principals: readonly Keys[]
    readonly ofUsers: boolean
  }[]
}

export class Reach {
  readonly #bundle: Bundle
  readonly #topics: readonly Topic[]

  constructor(body: BundleBody, bundle: Bundle) {
    this.#bundle = bundle
    this.#topics = [...toolTopics(body, bundle), ...areaTopics(body, bundle)]
  }

  /** Whether some query is within the wider scope and not within the other. */
  differs(policy: Node, wider: Node): boolean {
    const users = this.#usersFor(policy)
    return this.#topics.some(({ resource, actions }) => {
      if (!isWithin(wider.resource, resource)) return false
      return actions.some(({ action, principals, ofUsers }) => {
        if (!isWithin(wider.action, action)) return false
        const isInside = isWithin(policy.resource, resource) && isWithin(policy.action, action)
        const candidates = ofUsers ? [...principals, ...users] : principals
        return candidates.some(
          (keys) => isWithin(wider.principal, keys) && !(isInside && isWithin(policy.principal, keys)),
        )
      })
    })
  }

  /** A user who is in no group, and those whom the rule is about. */
  #usersFor({ principal }: Node): readonly Keys[] {
    const nobody = { issuer: "https://nobody.invalid", subject: "nobody", groups: [] }
    const named = isNode(principal) ? [principal, principal.in].flatMap((scope) => entityIn(scope)) : []
    const { issuer, subject } = nobody
    const groups = named.filter(({ type }) => type === "UserGroup").map(({ id }) => ({ issuer, subject, groups: [id] }))
    const users = named
      .filter(({ type }) => type === "User")
      .map(({ id }) => {
        const [issuer = "", subject = ""] = id.split("|")
        return { issuer, subject, groups: [] }
      })
    return [nobody, ...groups, ...users].flatMap((user) => {
      const store = entitiesFor(this.#bundle.entities, user)
      return principalsOf(user, []).map((ref) => keysOf(ref, store))
    })
  }
}

function toolTopics({ agents, tools, issuers }: BundleBody, { entities, purposes }: Bundle): readonly Topic[] {
  const hasUsers = issuers.some(({ users, assertions }) => users ?? assertions)
  const able = agents.map((agent) => {
    const covers = within(agent.ceiling)
    const works = agent.purposes.flatMap((name) => purposes.get(name) ?? [])
    return {
      keys: principalsOf(null, [agent.id]).map((ref) => keysOf(ref, entities)),
      covers,
      works: works.map(({ grant, user }) => ({ covers: within(grant), isAlone: user === "optional" })),
    }
  })
  const delegate = keysOf(actionRef("delegate"), entities)
  return tools.map((tool) => {
    const family = isLifecycle(tool)
      ? tools.filter((other) => other.server === tool.server && !isLifecycle(other))
      : [tool]
    const agentsFor = (isAlone: boolean): readonly Keys[] =>
      able.flatMap(({ keys, covers, works }) => {
        const may = (one: Tool) => covers(one) && works.some((work) => work.covers(one) && (work.isAlone || !isAlone))
        // A result may be that of any tool (core/decision/check-results.ts).
        return (tool.resultsOf ? family.every(may) : family.some(may)) ? keys : []
      })
    const callers = agentsFor(false)
    const ofUsers = callers.length > 0 && hasUsers
    return {
      resource: keysOf(toolRef(tool.name), entities),
      actions: [
        { action: keysOf(actionRef(tool.action), entities), principals: callers, ofUsers },
        // Lifecycle tools come with the other tools of their server.
        ...(isLifecycle(tool) ? [] : [{ action: delegate, principals: agentsFor(true), ofUsers }]),
      ],
    }
  })
}

function areaTopics({ operators }: BundleBody, { entities }: Bundle): readonly Topic[] {
  if (operators.length === 0) return []
  const roles = [...ROLES.map((role) => [role]), [...ROLES]]
  const principals = roles.map((role): Keys => {
    const operator: OperatorFacts = { issuer: "https://nobody.invalid", subject: "nobody", roles: role }
    const query = manageRequest(operator, "GET", { area: "tasks", kind: "task", target: null }, entities)
    return keysOf(query.request.principal, query.entities)
  })
  const action = keysOf(actionRef("manage"), entities)
  return AREAS.map((area) => {
    return { resource: keysOf(areaRef(area), entities), actions: [{ action, principals, ofUsers: false }] }
  })
}

function keysOf(ref: EntityRef, store: EntityStore): Keys {
  return new Set(keysWithin(ref, store))
}

function isWithin(scope: unknown, keys: Keys): boolean {
  return readScope(scope, "").some((key) => keys.has(key))
}

export function entityIn(scope: unknown): readonly EntityRef[] {
  const ref = isNode(scope) ? readUid(scope.entity) : undefined
  return ref ? [ref] : []
}
