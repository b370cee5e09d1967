/**
 * The scope that a challenge names if the grant does not cover a call (RFC 6750, section 3; MCP 2025-11-25, "Scope
 * challenge handling"): what the client's token has, so that the next one has no less, and what the call needs. A scope
 * that the agent cannot be given for this purpose is never named: the client would request it, send its user to consent,
 * and get nothing.
 */
import type { CallArguments } from "../core/catalog/arguments.ts"
import type { ArgumentBounds } from "../core/catalog/bounds/definition.ts"
import { OutOfWork, Work } from "../core/encoding/work.ts"
import { isLifecycle } from "../core/catalog/lifecycle.ts"
import type { Located } from "../core/catalog/locate.ts"
import { conjunctOf, violation } from "../core/catalog/bounds/bounds.ts"
import { formatScope, parseScope, patternCovers, type Scope } from "../core/catalog/pattern.ts"
import { codeOf, type Denial } from "../core/denials/denial.ts"
import type { Tool } from "../core/catalog/tool.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { PurposeDefinition } from "../core/policy/definition/agents.ts"
import type { GrantDefinition } from "../core/policy/definition/grant.ts"
import { actionRef, toolRef } from "../core/policy/principals.ts"
import { within } from "../core/task/narrow.ts"
import type { DelegationClaims } from "../credentials/delegation-token.ts"

/** Gateways limit the headers of an answer; what the call needs matters most. */
const MAX_LENGTH = 2_048

/** Null if scope is not what is missing, or none that can be had covers the call. */
export function scopeToAsk(
  denial: Denial,
  claims: DelegationClaims,
  located: Located,
  environment: string,
  bundle: Bundle,
  now: number,
): string | null {
  if (codeOf(denial) !== "insufficient_scope") return null
  // It is as sensitive as any tool of its server, and comes with each token up to what purpose and agent can have.
  if (denial.reason === "sensitivity_exceeded" && isLifecycle(located.tool)) return null
  const limits = limitsOf(claims, environment, bundle)
  if (!limits) return null
  const { tool, arguments: args } = located
  const bounds = [conjunctOf(limits.purpose.grant), conjunctOf(limits.ceiling)]
  // A new task has the same bounds, unless its own request has set them.
  if (denial.reason === "argument_out_of_bounds" && !keeps(bounds, args, now)) return null
  const needed = isLifecycle(tool)
    ? scopesOnServer(tool.server, limits)
    : mayObtain(tool, limits, bundle)
      ? [scopeOf(tool)]
      : []
  if (needed.length === 0) return null
  const union = [...new Set([...claims.scope.split(" ").filter((word) => word !== ""), ...needed])].join(" ")
  return union.length <= MAX_LENGTH ? union : needed.join(" ")
}

/** Units (core/encoding/work.ts): the ledger has spent those of the call, and this is advice. */
const WORK_OF_ADVICE = 50_000

/** False, too, if it takes too much work to find out. */
function keeps(bounds: readonly ArgumentBounds[], { values }: CallArguments, now: number): boolean {
  try {
    return violation(bounds, values, { now, work: new Work(WORK_OF_ADVICE) }) === null
  } catch (error) {
    if (!(error instanceof OutOfWork)) throw error
    return false
  }
}

/** Returns those of the tools that the agent can be granted by another token for the same purpose. */
export function obtainableOf(
  tools: readonly Tool[],
  claims: DelegationClaims,
  environment: string,
  bundle: Bundle,
): readonly Tool[] {
  const limits = limitsOf(claims, environment, bundle)
  return limits ? tools.filter((tool) => mayObtain(tool, limits, bundle)) : []
}

/** What no token of the agent for this purpose exceeds. */
interface Limits {
  readonly purpose: PurposeDefinition
  readonly ceiling: GrantDefinition
}

/** Null if there is no token for this environment. */
function limitsOf(claims: DelegationClaims, environment: string, { agents, purposes }: Bundle): Limits | null {
  const agent = agents.get(claims.client_id)
  const purpose = agent?.purposes.includes(claims.purpose) ? purposes.get(claims.purpose) : undefined
  if (!agent || !purpose) return null
  const isElsewhere = ({ environments }: GrantDefinition): boolean =>
    environments !== undefined && !environments.includes(environment)
  return [purpose.grant, agent.ceiling].some(isElsewhere) ? null : { purpose, ceiling: agent.ceiling }
}

function mayObtain(tool: Tool, { purpose, ceiling }: Limits, { engine, entities }: Bundle): boolean {
  const isCovered = [purpose.grant, ceiling].every((cap) => within(cap)(tool))
  return isCovered && engine.mayPermit(DELEGATE, toolRef(tool.name), entities)
}

const DELEGATE = actionRef("delegate")
const scopeOf = ({ name, action }: Tool): string => formatScope({ pattern: name, action })

/**
 * Messages of a session come with any tool of the server: so what the purpose gives there by default, otherwise what it
 * can give there.
 */
function scopesOnServer(server: string, { purpose: { default: usual, grant }, ceiling }: Limits): string[] {
  const limits = scopesIn(ceiling.tools)
  const there = (texts: readonly string[]): string[] =>
    scopesIn(texts)
      .map(({ pattern, action }) => ({ pattern: pattern === "*" ? `${server}.*` : pattern, action }))
      .filter(({ pattern }) => pattern.startsWith(`${server}.`))
      .filter((scope) => limits.some((limit) => limit.action === scope.action && overlap(limit.pattern, scope.pattern)))
      .map(formatScope)
  const byDefault = there(usual ?? [])
  return byDefault.length > 0 ? byDefault : there(grant.tools)
}

const scopesIn = (texts: readonly string[]): Scope[] => texts.flatMap((text) => parseScope(text) ?? [])

/** Whether one covers something that the other covers. */
function overlap(one: string, other: string): boolean {
  return patternCovers(one, stem(other)) || patternCovers(other, stem(one))
}

/** What all that a pattern covers begins with. */
const stem = (pattern: string): string => (pattern.endsWith("*") ? pattern.slice(0, -1) : pattern)
