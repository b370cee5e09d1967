/** Opens a task, or goes on with one. */
import { NarrowgateError } from "./errors.ts"
import { Issuer, type IssuedToken } from "./issuer.ts"
import type { Reach } from "./bounded-fetch.ts"
import { definedOf, isObject, isToken, textAt } from "./json.ts"
import { LiveTask, opened } from "./live-task.ts"
import { ProofKey } from "./proof-key.ts"
import type { OpenTaskOptions, ResumeTaskOptions, SavedTask, Task } from "./task.ts"
import { scopeMember, type Requested } from "./token-requests.ts"

/** Milliseconds. */
const TIMEOUT = 10_000
/** Milliseconds: the least life of a saved token, because when it was issued is not saved. */
const MINUTE = 60_000

const reachOf = (options: Pick<OpenTaskOptions, "fetch" | "timeout" | "allowHttp" | "signal">): Reach => ({
  // Called without an object, because `fetch` of a browser accepts no other `this`.
  fetch: options.fetch ?? (async (input, init) => fetch(input, init)),
  timeout: options.timeout ?? TIMEOUT,
  allowHttp: options.allowHttp ?? false,
  signal: options.signal,
})

/**
 * Opens a task.
 *
 * @throws {NarrowgateError} `identity_failed`, `session_failed`, `issuer_unreachable`, `issuer_invalid`, `insecure_url`,
 *   `token_refused`, `consent_required`
 */
export async function openTask(options: OpenTaskOptions): Promise<Task> {
  const { identity, purpose, resource, session, scope, authorizationDetails, dpop, keepAlive = true } = options
  const origins = originsOf(options.origins)
  const [issuer, key] = await Promise.all([Issuer.at(options.issuer, identity, reachOf(options)), ProofKey.of(dpop)])
  const authorization_details = authorizationDetails && JSON.stringify(authorizationDetails)
  const requested: Requested = definedOf({ purpose, resource, session, authorization_details, ...scopeMember(scope) })
  return opened(issuer, key, requested, { keepAlive, origins }, options)
}

/**
 * Goes on with a task that an earlier process has saved.
 *
 * @throws {NarrowgateError} `saved_invalid`; `task_ended`, if its token has expired and it is bound to no key; those of
 *   `openTask`
 */
export async function resumeTask(saved: SavedTask, options: ResumeTaskOptions): Promise<Task> {
  const { issuer: url, issued, requested, origins: known } = readSaved(saved)
  const origins = originsOf(options.origins ?? known)
  const key = await keyOf(saved, options)
  const issuer = await Issuer.at(url, options.identity, reachOf(options))
  const { session, keepAlive = true } = options
  const again = { ...requested, ...definedOf({ session }) }
  const task = new LiveTask(issuer.afterwards(), key, again, issued, { keepAlive, origins })
  // A task that cannot go on is an error here, before the caller relies on it.
  await task.token()
  return task
}

/** Before a request is made: a task that nobody can use would stay open. */
function originsOf(urls: readonly string[] | undefined): ReadonlySet<string> | null {
  return urls ? new Set(urls.map((url) => new URL(url).origin)) : null
}

async function keyOf({ key }: SavedTask, { dpop }: ResumeTaskOptions): Promise<ProofKey | null> {
  if (key === undefined) return null
  if (key !== null) return ProofKey.restored(key)
  if (dpop) return ProofKey.of(dpop)
  throw new NarrowgateError("saved_invalid", "the task is bound to a key that was not saved with it: give it as `dpop`")
}

interface ReadTask {
  readonly issuer: string
  readonly issued: IssuedToken
  readonly requested: SavedTask["requested"]
  readonly origins: readonly string[] | undefined
}

function readSaved(saved: unknown): ReadTask {
  const invalid = new NarrowgateError("saved_invalid", "this is no task that `save` has returned")
  if (!isObject(saved) || saved["version"] !== 1 || !isObject(saved["requested"])) throw invalid
  const of = (name: string): string => {
    const value = textAt(saved, name)
    if (value === undefined) throw invalid
    return value
  }
  const { expiresAt, origins } = saved
  if (origins !== undefined && !(Array.isArray(origins) && origins.every((each) => URL.canParse(String(each)))))
    throw invalid
  if (typeof expiresAt !== "number" || !isToken(saved["token"])) throw invalid
  const { requested } = saved
  const again = (name: string): string | undefined => textAt(requested, name)
  return {
    issuer: of("issuer"),
    issued: {
      token: of("token"),
      task: of("task"),
      purpose: of("purpose"),
      scope: of("scope"),
      from: Math.min(Date.now(), expiresAt - MINUTE),
      expiresAt,
    },
    origins: origins?.map(String),
    requested: definedOf({
      purpose: again("purpose"),
      scope: again("scope"),
      authorization_details: again("authorization_details"),
      resource: again("resource"),
    }),
  }
}
