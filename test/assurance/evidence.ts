/**
 * What is shown rather than attacked: that people decide, that authority ends when they end it, that records prove what
 * was done. It holds in the guarded world, and no longer once its setting is taken out of the policies.
 */
import { AssertionError } from "node:assert"
import { expect } from "vitest"
import { startGuarded, type GuardedWorld } from "./guarded.ts"
import { filesWithout, type Without } from "./scenario.ts"
import { startServices } from "./services.ts"
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
}

/** Where the services get notices (receivers.yaml). */
const HOOKS = "/hooks"

export async function showEvidence({ holds, control, without, refused }: Evidence): Promise<void> {
  await using services = await startServices()
  const receivers = { "receivers.yaml": receiversAt(services.url + HOOKS) }
  {
    await using guarded = await startGuarded(services, receivers)
    await holds(guarded)
  }
  const start = async () => startGuarded(services, { ...receivers, ...(await filesWithout(without)) })
  if (refused !== undefined) return expect(start()).rejects.toThrow(refused)
  await using changed = await start()
  const failure = await holds(changed).then(
    () => null,
    (error: unknown) => error,
  )
  expect(isAssertion(failure), `without ${control}: ${String(failure)}`).toBe(true)
}

/** Of the test runner, or of Node. Any other error shows nothing. */
function isAssertion(error: unknown): boolean {
  return error instanceof AssertionError || (error instanceof Error && error.name === "AssertionError")
}

const receiversAt = (url: string): string => `receivers:
  - id: security
    format: set
    url: ${url}
    audience: ${url}
    events: [task.quarantined, task.revoked, switch.set]
`

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
  const answer = await fetch(narrowgate.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  const isJson = answer.headers.get("content-type")?.includes("application/json") === true
  return { status: answer.status, body: isJson ? JSON.parse(text) : text }
}
