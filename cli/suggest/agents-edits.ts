/** What agents.yaml would have to say: the least ceilings and grants that cover what was used. */
import type { Splice } from "../import/text-edits.ts"
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import { SENSITIVITIES, sensitivityRank, type Sensitivity, type Tool } from "../../src/core/catalog/tool.ts"
import type { AgentDefinition, PurposeDefinition } from "../../src/core/policy/definition/agents.ts"
import type { GrantDefinition } from "../../src/core/policy/definition/grant.ts"
import { within } from "../../src/core/task/narrow.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { Path } from "../compiler/source/source.ts"
import { withHeadroom } from "./bounds.ts"
import { evidenceText, joined, spanText } from "./evidence.ts"
import { leastScopes, toolsIn } from "./least-scopes.ts"
import type { ObservedUse, ToolUses } from "./observed-use.ts"
import { YamlText, type ListedLine } from "./yaml-edits.ts"

/** Whose authority is fitted to their use. */
export interface Subjects {
  readonly agents: ReadonlySet<string>
  readonly purposes: ReadonlySet<string>
}

/** The difference of one grant. */
export interface GrantChange {
  readonly of: { readonly agent: string } | { readonly purpose: string }
  /** Scopes that were never used: they would be denied. */
  readonly removed: readonly string[]
  /** Scopes that were used although they were not granted. */
  readonly added: readonly string[]
}

export interface AgentsEdits {
  readonly splices: readonly Splice[]
  readonly grants: readonly GrantChange[]
  readonly notes: readonly string[]
}

/** With fewer tasks of a purpose no budget of calls is suggested. */
const FEWEST_TASKS = 20

interface Scope {
  readonly use: ObservedUse
  readonly body: BundleBody
  readonly yaml: YamlText
  readonly splices: Splice[]
  readonly grants: GrantChange[]
  readonly notes: string[]
}

/** @param optional whether to suggest what a grant need not have: budgets of calls, environments */
export function editAgents(
  text: string,
  body: BundleBody,
  use: ObservedUse,
  subjects: Subjects,
  optional: boolean,
): AgentsEdits {
  const scope: Scope = { use, body, yaml: new YamlText(text), splices: [], grants: [], notes: [] }
  const fitted = fit(body, use, subjects)
  for (const [index, purpose] of body.purposes.entries()) {
    const uses = subjects.purposes.has(purpose.name) ? use.byPurpose.get(purpose.name) : undefined
    if (uses) editPurpose(scope, index, purpose, uses, optional)
    else reduceShared(scope, index, purpose, fitted.grants.get(purpose.name) ?? new Set())
    if (subjects.purposes.has(purpose.name) && !uses) scope.notes.push(`no record is of the purpose ${purpose.name}`)
    excuseUnused(scope, index, purpose, fitted)
  }
  for (const [index, agent] of body.agents.entries()) {
    const uses = subjects.agents.has(agent.id) ? use.byAgent.get(agent.id) : undefined
    if (uses) editAgent(scope, index, agent, uses, optional)
    else if (subjects.agents.has(agent.id)) {
      scope.notes.push(`no record is of a call of ${agent.id}: its ceiling stays as it is`)
    }
    const purposes = fitted.purposes.get(agent.id) ?? agent.purposes
    if (purposes.length < agent.purposes.length) {
      push(scope, scope.yaml.value(["agents", index, "purposes"], `[${purposes.join(", ")}]`))
    }
  }
  const { splices, grants, notes } = scope
  return { splices, grants, notes }
}

/** What each agent and each purpose has afterwards. */
interface Fitted {
  /** Names of the tools of each purpose. */
  readonly grants: ReadonlyMap<string, ReadonlySet<string>>
  /** Purposes of each agent. */
  readonly purposes: ReadonlyMap<string, readonly string[]>
}

function fit(body: BundleBody, use: ObservedUse, subjects: Subjects): Fitted {
  const namesIn = (grant: GrantDefinition): ReadonlySet<string> =>
    new Set(body.tools.filter((tool) => !isLifecycle(tool) && within(grant)(tool)).map(({ name }) => name))
  const usedBy = (uses: ToolUses | undefined): ReadonlySet<string> | null => {
    const names = body.tools.filter((tool) => uses?.has(tool.name) && !isLifecycle(tool)).map(({ name }) => name)
    return names.length === 0 ? null : new Set(names)
  }
  const ceilings = new Map(
    body.agents.map(({ id, ceiling }) => [
      id,
      (subjects.agents.has(id) && usedBy(use.byAgent.get(id))) || namesIn(ceiling),
    ]),
  )
  const used = new Map(
    body.agents.map(({ id, purposes }) => {
      const own = subjects.agents.has(id) ? purposes.filter((name) => use.purposesOf.get(id)?.has(name)) : []
      return [id, own.length > 0 ? own : purposes]
    }),
  )
  const grants = new Map(
    body.purposes.map(({ name, grant }) => {
      const fromUse = subjects.purposes.has(name) ? usedBy(use.byPurpose.get(name)) : null
      if (fromUse) return [name, fromUse]
      const possible = body.agents.filter(({ id }) => used.get(id)?.includes(name)).map(({ id }) => ceilings.get(id))
      const granted = namesIn(grant)
      if (possible.length === 0 || body.registration?.purposes.includes(name)) return [name, granted]
      const left = [...granted].filter((tool) => possible.some((each) => each?.has(tool)))
      return [name, new Set(left)]
    }),
  )
  const purposes = new Map(
    body.agents.map(({ id }) => {
      const all = used.get(id) ?? []
      const left = all.filter((name) => !isDisjoint(ceilings.get(id), grants.get(name)))
      return [id, left.length > 0 ? left : all]
    }),
  )
  return { grants, purposes }
}

const isDisjoint = (one: ReadonlySet<string> | undefined, other: ReadonlySet<string> | undefined): boolean =>
  !one || !other || one.isDisjointFrom(other)

/** A purpose that no agent has any more stays, because tests name it, and says why. */
function excuseUnused(
  { body, use, yaml, splices }: Scope,
  index: number,
  { name }: PurposeDefinition,
  { purposes }: Fitted,
): void {
  const isHad = (having: Iterable<readonly string[]>): boolean => [...having].some((each) => each.includes(name))
  if (
    body.registration?.purposes.includes(name) ||
    !isHad(body.agents.map((agent) => agent.purposes)) ||
    isHad(purposes.values())
  )
    return
  const comment = yaml.comment(["purposes", index], `lint-allow unused-purpose: no record is of it, ${spanText(use)}`)
  if (comment) splices.push(comment)
}

function editAgent(scope: Scope, index: number, agent: AgentDefinition, uses: ToolUses, optional: boolean): void {
  const { use, yaml } = scope
  const path = ["agents", index]
  const least = editGrant(scope, [...path, "ceiling"], agent.ceiling, uses, { agent: agent.id }, optional)
  if (!least) return
  const delegates = agent.delegates_to.filter((id) => use.delegations.get(agent.id)?.has(id))
  if (delegates.length < agent.delegates_to.length) {
    push(scope, yaml.value([...path, "delegates_to"], `[${delegates.join(", ")}]`))
  }
  const depth = delegates.length === 0 ? 0 : (use.depth.get(agent.id) ?? 0)
  if (depth < agent.depth && yaml.has([...path, "depth"])) push(scope, yaml.value([...path, "depth"], String(depth)))
}

function editPurpose(scope: Scope, index: number, purpose: PurposeDefinition, uses: ToolUses, optional: boolean): void {
  const { body, yaml, use, notes } = scope
  const path = ["purposes", index]
  const least = editGrant(scope, [...path, "grant"], purpose.grant, uses, { purpose: purpose.name }, optional)
  if (!least) return
  editDefault(scope, [...path, "default"], purpose, new Set(toolsIn(least, body.tools).map(({ name }) => name)))
  const { most = 0, tasks } = use.counted.get(purpose.name) ?? {}
  const limit = withHeadroom(most)
  if (!optional || (purpose.grant.calls ?? Number.POSITIVE_INFINITY) <= limit) return
  if (!tasks || tasks.size < FEWEST_TASKS) {
    notes.push(`${purpose.name}: ${tasks?.size ?? 0} tasks are too few for a budget of calls (${FEWEST_TASKS})`)
    return
  }
  const comment = ` # at most ${most} in each of ${tasks.size} tasks, and head-room`
  if (yaml.has([...path, "grant", "calls"])) push(scope, yaml.value([...path, "grant", "calls"], String(limit)))
  else if (!yaml.slice([...path, "grant"])?.startsWith("{")) {
    push(scope, yaml.member([...path, "grant"], `calls: ${limit}${comment}`))
  } else push(scope, yaml.member([...path, "grant"], `calls: ${limit}`))
}

/** What a request without scopes gets must not become more. */
function editDefault(
  scope: Scope,
  path: Path,
  { name, default: written }: PurposeDefinition,
  left: ReadonlySet<string>,
): void {
  const { body, yaml, notes } = scope
  if (!written) return
  const kept = toolsIn(written, body.tools).filter((tool) => left.has(tool.name))
  const least = leastScopes(written, new Set(kept.map((tool) => tool.name)), body.tools)
  if (least.length === 0) notes.push(`${name}: nothing of its \`default\` was used; it stays, and grants nothing`)
  else if (!isSame(least, written)) {
    push(
      scope,
      yaml.list(
        path,
        least.map((text) => ({ text: quotedScope(text), comment: null })),
      ),
    )
  }
}

/** @returns the scopes; null if nothing of the bundle's tools was used */
function editGrant(
  scope: Scope,
  path: Path,
  grant: GrantDefinition,
  uses: ToolUses,
  of: GrantChange["of"],
  optional: boolean,
): readonly string[] | null {
  const { body, yaml, notes } = scope
  const who = "agent" in of ? of.agent : of.purpose
  const used = body.tools.filter((tool) => uses.has(tool.name) && !isLifecycle(tool))
  const unknown = [...uses.keys()].filter((name) => !body.tools.some((tool) => tool.name === name))
  if (unknown.length > 0) notes.push(`${who}: the catalog no longer has ${unknown.toSorted().join(", ")}`)
  if (used.length === 0) {
    notes.push(`${who}: the records show no call of a tool of the catalog; its grant stays as it is`)
    return null
  }
  const names = new Set(used.map(({ name }) => name))
  const least = leastScopes(grant.tools, names, body.tools)
  if (!isSame(least, grant.tools))
    push(
      scope,
      yaml.list(
        [...path, "tools"],
        least.map((text) => lineOf(text, uses, body.tools)),
      ),
    )
  const most = mostSensitive(used)
  if (most !== grant.max_sensitivity) push(scope, yaml.value([...path, "max_sensitivity"], most))
  const before = body.tools.filter((tool) => !isLifecycle(tool) && within(grant)(tool))
  scope.grants.push({
    of,
    removed: before
      .filter(({ name }) => !names.has(name))
      .map(scopeText)
      .toSorted(),
    added: used
      .filter((tool) => !before.includes(tool))
      .map(scopeText)
      .toSorted(),
  })
  const existing = new Set(body.gateways.map(({ environment }) => environment))
  const seen = new Set([...uses.values()].flatMap((each) => Array.from(each.environments)))
  const environments = [...existing.intersection(seen)].toSorted()
  if (optional && environments.length > 0 && environments.length < (grant.environments?.length ?? existing.size)) {
    const text = `[${environments.join(", ")}]`
    const has = yaml.has([...path, "environments"])
    push(scope, has ? yaml.value([...path, "environments"], text) : yaml.member(path, `environments: ${text}`))
  }
  return least
}

/** A purpose that is not fitted to its use: only what nobody who has it can use any more goes. */
function reduceShared(scope: Scope, index: number, purpose: PurposeDefinition, left: ReadonlySet<string>): void {
  const { body, yaml } = scope
  const granted = body.tools.filter((tool) => !isLifecycle(tool) && within(purpose.grant)(tool))
  const kept = granted.filter(({ name }) => left.has(name))
  if (kept.length === granted.length || kept.length === 0) return
  const path = ["purposes", index, "grant"]
  const least = leastScopes(purpose.grant.tools, left, body.tools)
  push(
    scope,
    yaml.list(
      [...path, "tools"],
      least.map((text) => ({ text: quotedScope(text), comment: null })),
    ),
  )
  const most = mostSensitive(kept)
  if (most !== purpose.grant.max_sensitivity) push(scope, yaml.value([...path, "max_sensitivity"], most))
  editDefault(scope, ["purposes", index, "default"], purpose, left)
  const removed = granted.filter(({ name }) => !left.has(name)).map(scopeText)
  scope.grants.push({ of: { purpose: purpose.name }, removed: removed.toSorted(), added: [] })
}

function push({ splices, notes }: Scope, splice: Splice | null): void {
  if (splice) splices.push(splice)
  else notes.push("agents.yaml is written in a way that cannot be changed here")
}

function lineOf(text: string, uses: ToolUses, tools: readonly Tool[]): ListedLine {
  const evidence = joined(toolsIn([text], tools).flatMap(({ name }) => uses.get(name)?.evidence ?? []))
  return { text: quotedScope(text), comment: evidence && evidenceText(evidence) }
}

/** `*` begins an alias in YAML. */
const quotedScope = (text: string): string => (text.startsWith("*") ? JSON.stringify(text) : text)
const scopeText = ({ name, action }: Tool): string => `${name}:${action}`

function mostSensitive(tools: readonly Tool[]): Sensitivity {
  const rank = Math.max(...tools.map(({ sensitivity }) => sensitivityRank(sensitivity)))
  return SENSITIVITIES[rank] ?? "restricted"
}

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((text) => other.includes(text))
