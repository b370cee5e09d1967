/**
 * Switches stop more than one task. Each names an agent, a user, an identity provider, tools, a key or everything, and is
 * in force until it is removed, or ends when nothing is left that it could stop; one with `before` revokes only what was
 * issued before that moment. Pure: the switchboard stores them.
 */
import { patternCovers } from "../catalog/pattern.ts"
import { namesOf } from "../guardrails/history-key.ts"

export type Stopped =
  | { readonly kind: "everything" }
  /** Or the history key of a class. Anywhere in a chain: what is done for a suspended agent is denied as well. */
  | { readonly kind: "agent"; readonly agent: string }
  /** Issuer and subject, joined by `|`. */
  | { readonly kind: "user"; readonly user: string }
  /** Everyone who logs in at this identity provider, by its `iss`: what is done for them, and what they do. */
  | { readonly kind: "issuer"; readonly issuer: string }
  /** A tool or a pattern. */
  | { readonly kind: "tool"; readonly tool: string }
  /** `kid` of one of our signing keys. */
  | { readonly kind: "key"; readonly kid: string }

export interface Switch {
  readonly id: string
  readonly stopped: Stopped
  /** Milliseconds since the epoch: only authority that was given before. Null: all authority. */
  readonly before: number | null
}

/** What no call needs: it is stored beside the switch, and no lease contains it. */
export interface SwitchNote {
  /** An operator's issuer and subject, or `stream` and the id of a stream of events, joined by `|`. */
  readonly by: string
  /** In the operator's words. Null if they gave none. */
  readonly reason: string | null
  /** Milliseconds since the epoch, from when on it is in force. */
  readonly at: number
}

/** Apart from the reason, null only for a switch from before notes were stored. */
export type ListedSwitch = Switch & { readonly [Name in keyof SwitchNote]: SwitchNote[Name] | null } & {
  /** Milliseconds since the epoch, when it ends by itself. Null: only when it is removed. */
  readonly until: number | null
}

/** What is about to happen, as far as it is known. */
export interface Affected {
  readonly agents: readonly string[]
  readonly user: string | null
  /** Null if no tool is called, because a token is requested. */
  readonly tool: string | null
  readonly kid: string | null
  /**
   * Milliseconds since the epoch, when the authority behind it was given: a token that is renewed, or exchanged for an
   * earlier session, is no younger than that.
   */
  readonly since: number
}

/**
 * The time that a session states in whole seconds is of after this moment only if it is not earlier than this.
 * @param at milliseconds since the epoch
 */
export function nextSecond(at: number): number {
  return (Math.floor(at / 1000) + 1) * 1000
}

/** Stops authority that was given before a moment, and none that is given later. */
export interface Revocation extends Pick<Switch, "stopped"> {
  /** Milliseconds since the epoch. */
  readonly before: number
}

/**
 * What is left of a switch that is lifted. A suspension of a person or of their provider becomes a revocation of what was
 * given before: they begin anew, and nothing that waited goes on.
 * @param at milliseconds since the epoch, when it is lifted
 * @returns null: nothing
 */
export function leftBy({ stopped, before }: Omit<Switch, "id">, at: number): Revocation | null {
  const next = nextSecond(at)
  const isOver = before !== null && before <= next
  if (isOver || (stopped.kind !== "user" && stopped.kind !== "issuer")) return null
  return { stopped, before: next }
}

/** A switch that stops it, or null. */
export function stoppedBy(switches: readonly Switch[], of: Affected): Switch | null {
  if (switches.length === 0) return null
  const affected = withClasses(of)
  const { others, ofUsers } = indexOf(switches)
  const named = affected.user === null ? [] : (ofUsers.get(affected.user) ?? [])
  return [...others, ...named].find((each) => holds(each, affected)) ?? null
}

/**
 * What suspends this very person in their own actions, by name or with all who log in where they do. A switch for
 * everything does not, because operators have to look and to remove it.
 * @param user issuer and subject, joined by `|`
 * @param since milliseconds, when their credential was issued
 */
export function personStoppedBy(switches: readonly Switch[], user: string, since: number): Switch | null {
  if (switches.length === 0) return null
  const { ofIssuers, ofUsers } = indexOf(switches)
  const own = [...ofIssuers.filter(({ stopped }) => namesUser(stopped, user)), ...(ofUsers.get(user) ?? [])]
  return own.find(({ before }) => before === null || since < before) ?? null
}

/** Milliseconds since the epoch: authority of these that was given earlier is stopped by a switch. 0 if none is. */
export function stoppedUntil(switches: readonly Switch[], affected: Omit<Affected, "since">): number {
  const earliest = withClasses({ ...affected, since: Number.NEGATIVE_INFINITY })
  return Math.max(0, ...switches.map((each) => (each.before !== null && holds(each, earliest) ? each.before : 0)))
}

/** A switch for a class of clients that registered themselves holds for each of them. */
function withClasses(affected: Affected): Affected {
  return { ...affected, agents: affected.agents.flatMap(namesOf) }
}

/** Operators set few switches; streams of events may suspend thousands of people, so these are indexed. */
interface Index {
  /** All but those of users. */
  readonly others: readonly Switch[]
  readonly ofIssuers: readonly Switch[]
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
  const index = { others, ofIssuers: others.filter(({ stopped }) => stopped.kind === "issuer"), ofUsers }
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
    case "issuer":
      return user !== null && namesUser(stopped, user)
    case "tool":
      return tool !== null && patternCovers(stopped.tool, tool)
    case "key":
      return kid === stopped.kid
    default:
      return stopped satisfies never
  }
}

/** A switch with a time so near is no lock-out: the clock of who writes it may be ahead. */
const A_MOMENT_MS = 60_000

/**
 * Whether a switch would lock out the operator who sets it: it names them, or the provider at which they log in, and a
 * new login would not help.
 * @param before milliseconds since the epoch; null: all authority
 */
export function locksOut(stopped: Stopped, before: number | null, user: string, now: number): boolean {
  const isForLong = before === null || before > now + A_MOMENT_MS
  return isForLong && namesUser(stopped, user)
}

function namesUser(stopped: Stopped, user: string): boolean {
  if (stopped.kind === "user") return user === stopped.user
  return stopped.kind === "issuer" && isUserOf(stopped.issuer, user)
}

/** An issuer has no `|` (`ISSUER_NAME`), so no user of another one has a name that begins like this. */
export function isUserOf(issuer: string, user: string): boolean {
  return user.startsWith(`${issuer}|`)
}

/** Keys that must sign nothing more. */
export function pulledKeys(switches: readonly Switch[]): readonly string[] {
  return switches.flatMap(({ stopped }) => (stopped.kind === "key" ? [stopped.kid] : []))
}
