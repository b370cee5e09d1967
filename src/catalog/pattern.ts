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
