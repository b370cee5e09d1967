/**
 * What is shown rather than attacked: that people decide, that authority ends when they end it, that records prove what
 * was done. It holds in the guarded world. Once its setting is taken out of the policies, the very expectation that
 * depends on it fails, or no such policies can be live. Where no policy takes it out, the opposite is shown.
 */
import type { GuardedWorld } from "./guarded.ts"
import type { Without } from "./scenario.ts"
import type { Person } from "./world.ts"

export type Evidence = Held & (Removable | Refused | Fixed)

interface Held {
  /** A sentence that says what holds. */
  readonly name: string
  /** Words: what it depends on, as the pages say it. */
  readonly control: string
  /** Asserts it. */
  readonly holds: (world: GuardedWorld) => Promise<void>
  /** It leaves a Narrowgate behind that others cannot use, so it has one of its own. */
  readonly isApart?: boolean
}

/** A setting of the policies. */
interface Removable {
  /** Takes out what it depends on. */
  readonly without: Without
  /** The expectation that fails then, by its message. */
  readonly fails: string
  readonly refused?: undefined
}

/** A setting without which no policies can be live. */
interface Refused {
  readonly without: Without
  /** What is wrong with the policies without it. */
  readonly refused: string
}

/** What no policy takes out, such as a signature. */
interface Fixed {
  readonly without: null
  readonly instead: {
    /** What it is compared with, as the pages say it. */
    readonly words: string
    /** Asserts that what holds does not hold there. In a Narrowgate of its own. */
    readonly shows: (world: GuardedWorld) => Promise<void>
  }
  readonly refused?: undefined
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
