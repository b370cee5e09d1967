/**
 * Switches: stops wider than a task. Each names an agent, a user, tools, a key or everything, and holds until it is
 * lifted; one with `before` stops only what was issued before that moment. Pure: who keeps them is the switchboard.
 */
import { patternCovers } from "../catalog/pattern.ts"

export type Stopped =
  | { readonly kind: "everything" }
  /** Anywhere in a chain: what is done for a stopped agent is stopped as well. */
  | { readonly kind: "agent"; readonly agent: string }
  /** Issuer and subject, joined by `|`. */
  | { readonly kind: "user"; readonly user: string }
  /** A tool or a pattern. */
  | { readonly kind: "tool"; readonly tool: string }
  /** `kid` of one of our signing keys. */
  | { readonly kind: "key"; readonly kid: string }

export interface Switch {
  readonly id: string
  readonly stopped: Stopped
  /** Milliseconds: only authority that was given before; null: whenever. */
  readonly before: number | null
}

/** What nobody needs on the way of a call: it stands beside the switch, and no lease has it. */
export interface SwitchNote {
  /** An operator's issuer and subject, or `stream` and the id of a stream of events, joined by `|`. */
  readonly by: string
  /** As the operator put it; null: they did not say. */
  readonly reason: string | null
  /** Milliseconds, from when on it holds. */
  readonly at: number
}

/** Null but for the reason: it was set before that was kept. */
export type ListedSwitch = Switch & { readonly [Name in keyof SwitchNote]: SwitchNote[Name] | null }

/** What is about to happen, as far as it is known. */
export interface Affected {
  readonly agents: readonly string[]
  readonly user: string | null
  /** Null where no tool is called: a token is asked for. */
  readonly tool: string | null
  readonly kid: string | null
  /**
   * Milliseconds, when the authority behind it was given: a token that is renewed, or exchanged for a session of
   * before, is no younger than that.
   */
  readonly since: number
}

/** One that stops it, or null. */
export function stoppedBy(switches: readonly Switch[], affected: Affected): Switch | null {
  if (switches.length === 0) return null
  const { others, ofUsers } = indexOf(switches)
  const named = affected.user === null ? [] : (ofUsers.get(affected.user) ?? [])
  return [...others, ...named].find((each) => holds(each, affected)) ?? null
}

/**
 * What stops this very person in what they do themselves. That everything is stopped does not: people have to look, and
 * to let it go on.
 * @param user issuer and subject, joined by `|`
 * @param since milliseconds, when what they come with was given
 */
export function personStoppedBy(switches: readonly Switch[], user: string, since: number): Switch | null {
  if (switches.length === 0) return null
  return (indexOf(switches).ofUsers.get(user) ?? []).find(({ before }) => before === null || since < before) ?? null
}

/** Operators stop few; streams of events may stop thousands of people, who are looked up. */
interface Index {
  readonly others: readonly Switch[]
  readonly ofUsers: ReadonlyMap<string, readonly Switch[]>
}
const indexes = new WeakMap<readonly Switch[], Index>()

function indexOf(switches: readonly Switch[]): Index {
  const cached = indexes.get(switches)
  if (cached) return cached
  const others: Switch[] = []
  const ofUsers = new Map<string, Switch[]>()
  for (const each of switches) {
    const { stopped } = each
    if (stopped.kind !== "user") others.push(each)
    else if (!ofUsers.get(stopped.user)?.push(each)) ofUsers.set(stopped.user, [each])
  }
  const index = { others, ofUsers }
  indexes.set(switches, index)
  return index
}

function holds({ stopped, before }: Switch, { agents, user, tool, kid, since }: Affected): boolean {
  if (before !== null && since >= before) return false
  switch (stopped.kind) {
    case "everything":
      return true
    case "agent":
      return agents.includes(stopped.agent)
    case "user":
      return user === stopped.user
    case "tool":
      return tool !== null && patternCovers(stopped.tool, tool)
    case "key":
      return kid === stopped.kid
    default:
      return stopped satisfies never
  }
}

/** Keys that must sign nothing more. */
export function pulledKeys(switches: readonly Switch[]): readonly string[] {
  return switches.flatMap(({ stopped }) => (stopped.kind === "key" ? [stopped.kid] : []))
}
