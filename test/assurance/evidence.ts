/**
 * What is shown rather than attacked: that people decide, that authority ends when they end it, that records prove what
 * was done. It holds in the guarded world, and no longer once its setting is taken out of the policies.
 */
import type { GuardedWorld } from "./guarded.ts"
import type { Without } from "./scenario.ts"
import type { Person } from "./world.ts"

export interface Evidence {
  /** A sentence that says what holds. */
  readonly name: string
  /** Words: what it depends on, as the pages say it. */
  readonly control: string
  /** Asserts it. */
  readonly holds: (world: GuardedWorld) => Promise<void>
  /** Takes out what it depends on. */
  readonly without: Without
  /** What is wrong with policies without it, so that none can be live. Absent: nothing is, and it no longer holds. */
  readonly refused?: string
  /** It leaves a Narrowgate behind that others cannot use, so it has one of its own. */
  readonly isApart?: boolean
}

export interface Managed {
  readonly status: number
  readonly body: unknown
}

/** A request to Narrowgate's own API by a person, or with a token. */
export async function manage(
  { narrowgate }: GuardedWorld,
  who: Person | string,
  method: string,
  path: string,
  body?: object,
): Promise<Managed> {
  const token = typeof who === "string" ? who : await narrowgate.person(who)
  const { status, body: text } = await narrowgate.request(path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  return { status, body: parsed(text) }
}

/** The text itself if it is no JSON, as that of an export. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
