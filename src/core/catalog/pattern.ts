/**
 * Tool patterns and scopes: `crm.tickets.get`, `crm.tickets.*`, `*`; a scope is `<pattern>:<action>`.
 * A pattern only ever names tools of today's catalog: grants are expanded over it and frozen (DESIGN §1, grant).
 */
import { ACTIONS, type Action, type Tool } from "./tool.ts"

export interface Scope {
  readonly pattern: string
  readonly action: Action
}

const PATTERN = /^(?:\*|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?:\.\*)?)$/

export function isPattern(text: string): boolean {
  return text.length <= 256 && PATTERN.test(text)
}

/** `*` covers everything, `a.b.*` everything below `a.b.`, anything else itself. */
export function patternCovers(pattern: string, name: string): boolean {
  if (pattern === "*") return true
  if (pattern.endsWith(".*")) return name.startsWith(pattern.slice(0, -1))
  return pattern === name
}

/** One scope token (RFC 6749 3.3) of our syntax, or null. */
export function parseScope(text: string): Scope | null {
  const colon = text.lastIndexOf(":")
  const pattern = text.slice(0, colon)
  const action = ACTIONS.find((known) => known === text.slice(colon + 1))
  return colon > 0 && action && isPattern(pattern) ? { pattern, action } : null
}

export function formatScope(scope: Scope): string {
  return `${scope.pattern}:${scope.action}`
}

export function scopeCovers(scope: Scope, tool: Pick<Tool, "name" | "action">): boolean {
  return scope.action === tool.action && patternCovers(scope.pattern, tool.name)
}

/** By its few patterns, however many scopes there are: whoever asks may name hundreds, and has yet to say who they are. */
export function anyCovers(scopes: readonly Scope[]): (tool: Pick<Tool, "name" | "action">) => boolean {
  const known = new Set(scopes.map(formatScope))
  return (tool) => scopesOf(tool).some((scope) => known.has(scope))
}

/** The tools that each scope covers, by its text; absent: none. */
export function coveredBy<Each extends Pick<Tool, "name" | "action">>(
  scopes: readonly Scope[],
  tools: readonly Each[],
): ReadonlyMap<string, readonly Each[]> {
  const covered = new Map<string, Each[]>(scopes.map((scope) => [formatScope(scope), []]))
  for (const tool of tools) for (const scope of scopesOf(tool)) covered.get(scope)?.push(tool)
  return covered
}

/** The texts of all scopes that cover it. */
function scopesOf(tool: Pick<Tool, "name" | "action">): readonly string[] {
  let scopes = scopesKnown.get(tool)
  if (!scopes) scopesKnown.set(tool, (scopes = patternsOf(tool.name).map((pattern) => `${pattern}:${tool.action}`)))
  return scopes
}
/** Tools are those of a bundle, and asked about again and again. */
const scopesKnown = new WeakMap<Pick<Tool, "name" | "action">, readonly string[]>()

function patternsOf(name: string): readonly string[] {
  const patterns = new Set(["*", name])
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) patterns.add(`${name.slice(0, dot)}.*`)
  return [...patterns]
}
