/**
 * Tool patterns and scopes: `crm.tickets.get`, `crm.tickets.*`, `*`; a scope is `<pattern>:<action>`. A pattern names
 * tools of the current catalog only: a grant is the expanded list, so that a tool which is added later is in no grant
 * that a user has consented to before.
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

/** `*` covers everything, `a.b.*` everything below `a.b.`, any other pattern itself. */
export function patternCovers(pattern: string, name: string): boolean {
  if (pattern === "*") return true
  if (pattern.endsWith(".*")) return name.startsWith(pattern.slice(0, -1))
  return pattern === name
}

/** Parses one scope token (RFC 6749, section 3.3) of Narrowgate's syntax; null if it is none. */
export function parseScope(text: string): Scope | null {
  const colon = text.lastIndexOf(":")
  const pattern = text.slice(0, colon)
  const action = ACTIONS.find((each) => each === text.slice(colon + 1))
  return colon > 0 && action && isPattern(pattern) ? { pattern, action } : null
}

export function formatScope(scope: Scope): string {
  return `${scope.pattern}:${scope.action}`
}

export function scopeCovers(scope: Scope, tool: Pick<Tool, "name" | "action">): boolean {
  return scope.action === tool.action && patternCovers(scope.pattern, tool.name)
}

/**
 * Compares by the tool's few patterns, however many scopes there are: a client may name hundreds before it has
 * authenticated.
 */
export function anyCovers(scopes: readonly Scope[]): (tool: Pick<Tool, "name" | "action">) => boolean {
  const texts = new Set(scopes.map(formatScope))
  return (tool) => scopesOf(tool).some((scope) => texts.has(scope))
}

/** The tools that each scope covers, by the scope's text; an empty list if it covers none. */
export function coveredBy<Each extends Pick<Tool, "name" | "action">>(
  scopes: readonly Scope[],
  tools: readonly Each[],
): ReadonlyMap<string, readonly Each[]> {
  const covered = new Map<string, Each[]>(scopes.map((scope) => [formatScope(scope), []]))
  for (const tool of tools) for (const scope of scopesOf(tool)) covered.get(scope)?.push(tool)
  return covered
}

/** The texts of all scopes that cover the tool. */
function scopesOf(tool: Pick<Tool, "name" | "action">): readonly string[] {
  let scopes = scopesOfTools.get(tool)
  if (!scopes) scopesOfTools.set(tool, (scopes = patternsOf(tool.name).map((pattern) => `${pattern}:${tool.action}`)))
  return scopes
}
/** Tools belong to a bundle, and are looked up again and again. */
const scopesOfTools = new WeakMap<Pick<Tool, "name" | "action">, readonly string[]>()

function patternsOf(name: string): readonly string[] {
  const patterns = new Set(["*", name])
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) patterns.add(`${name.slice(0, dot)}.*`)
  return [...patterns]
}
