/**
 * A token that opens less than its task, because its client has named a narrower scope at a refresh (RFC 6749, section
 * 6). The task and its refresh token keep their scope; whatever this token is exchanged for has no more than it.
 */
import { isLifecycle } from "../catalog/lifecycle.ts"
import { anyCovers, coveredBy, formatScope, parseScope, patternCovers, type Scope } from "../catalog/pattern.ts"
import type { Tool } from "../catalog/tool.ts"
import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import { asciiText } from "../encoding/display-text.ts"
import type { Lookup } from "../encoding/lookup.ts"
import { Work } from "../encoding/work.ts"
import { effectiveDetails } from "./effective-details.ts"
import type { Grant, GrantedDetails, RequestedGrant } from "./grant.ts"
import { readScopes } from "./requested-grant.ts"
import type { IssuedToken, Task } from "./task.ts"

/** What a token says of the authority that it has. */
export interface TokenWords {
  readonly scope: string
  readonly details: readonly GrantedDetails[] | null
}

/**
 * Reads the scope that a refresh names. Each word stays as it is requested.
 * @param asked the request that its person has consented to: libraries repeat its scope at each refresh, although less
 *   may have been granted
 * @returns absent: it is the scope of the task, or of that request, or none; an error if it is wider, or malformed
 */
export function readNarrowerScope(
  requested: string | null,
  { scope, grant }: Task,
  asked: RequestedGrant | null,
  tools: Lookup<Tool>,
): Pick<IssuedToken, "scope"> | OAuthFailure {
  const scopes = readScopes(requested)
  if (!scopes) return {}
  if ("refused" in scopes) return scopes
  const [granted, words] = [scopesOf(scope), new Set(scopes.map(formatScope))]
  const isSame = (all: readonly Scope[]): boolean => new Set(all.map(formatScope)).symmetricDifference(words).size === 0
  if (isSame(granted) || isSame(asked?.parts?.flatMap((part) => part.scopes) ?? [])) return {}
  const others = [...tools.values()].filter((tool) => !isLifecycle(tool))
  const covered = coveredBy(scopes, others)
  const isGranted = ({ name, action }: Tool): boolean =>
    Object.hasOwn(grant.tools, name) && grant.tools[name]?.action === action
  // A pattern of the task names no tool that was added to the catalog later, and neither does a pattern within it.
  const isWithin = (each: Scope, all: readonly Tool[]): boolean =>
    all.some(isGranted) &&
    (all.every(isGranted) ||
      granted.some(({ pattern, action }) => action === each.action && patternCovers(pattern, each.pattern)))
  const wider = scopes.find((each) => !isWithin(each, covered.get(formatScope(each)) ?? []))
  if (wider) return oauthError({ reason: "scope_wider", scope: asciiText(formatScope(wider)) })
  return { scope: [...words].join(" ") }
}

/** The grant of a task as a token with this scope states it. */
export function tokenWords({ scope }: Pick<IssuedToken, "scope">, task: Task, tools: Lookup<Tool>): TokenWords {
  if (scope === undefined) return { scope: task.scope, details: task.details }
  const { tools: left, calls } = narrowedGrant(task.grant, scope, tools)
  const details = task.details && effectiveDetails(scopesOf(scope), [...tools.values()], left, calls, null)
  return { scope, details }
}

/** To look a tool up, and whether a scope covers it. */
const UNITS_OF_TOOL = 20

/** Whether a token with this scope opens a tool that its task has. Lifecycle tools come with any tool of their server. */
export function opensTool(
  { scope }: Pick<IssuedToken, "scope">,
  { grant }: Pick<Task, "grant">,
  tools: Lookup<Tool>,
  work: Work,
): (tool: Tool) => boolean {
  if (scope === undefined) return () => true
  work.take(scope.length)
  const covers = anyCovers(scopesOf(scope))
  const serves = ({ server }: Tool): boolean => {
    const names = Object.keys(grant.tools)
    work.take(names.length * UNITS_OF_TOOL)
    return names.some((name) => {
      const other = tools.get(name)
      return other !== undefined && other.server === server && !isLifecycle(other) && covers(other)
    })
  }
  return (tool) => (isLifecycle(tool) ? serves(tool) : covers(tool))
}

/** What a token with this scope can pass on of the grant. */
export function narrowedGrant(grant: Grant, scope: string | undefined, tools: Lookup<Tool>): Grant {
  if (scope === undefined) return grant
  const opens = opensTool({ scope }, { grant }, tools, new Work(Number.POSITIVE_INFINITY))
  const left = Object.entries(grant.tools).filter(([name]) => {
    const tool = tools.get(name)
    return tool !== undefined && opens(tool)
  })
  return { ...grant, tools: Object.fromEntries(left) }
}

const scopesOf = (text: string): readonly Scope[] => text.split(" ").flatMap((word) => parseScope(word) ?? [])
