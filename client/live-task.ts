/** A task while it is in use: its token, renewed in time, and what the agent does with it. */
import { authorizedFetch } from "./authorized-fetch.ts"
import { boundedFetch } from "./bounded-fetch.ts"
import { Clock, LONGEST_TIMER } from "./clock.ts"
import { withConsent } from "./consent.ts"
import { NarrowgateError } from "./errors.ts"
import type { IssuedToken, Issuer } from "./issuer.ts"
import { claimsOf, definedOf, parsed, textAt } from "./json.ts"
import { ProofKey } from "./proof-key.ts"
import type { HandOver, OpenTaskOptions, SavedTask, ScopeText, Session, SubAgent, Task } from "./task.ts"
import {
  audienceOf,
  openingRequest,
  renewal,
  scopeMember,
  sessionRequest,
  withParameters,
  type Requested,
} from "./token-requests.ts"

/** The part of a token's life that is left when it is renewed. */
const LAST_PART = 1 / 4
/** Milliseconds: a token that is about to expire would do so on its way. */
const MARGIN = 2_000
/** Milliseconds between attempts to renew a token that is good for a while yet. */
const PAUSE = 5_000

/** How a task is used, and those that come out of it. */
export interface Use {
  readonly keepAlive: boolean
  /** Null: each task calls that of its first call. */
  readonly origins: ReadonlySet<string> | null
}

export class LiveTask implements Task {
  readonly #issuer: Issuer
  readonly #key: ProofKey | null
  readonly #requested: Requested
  readonly #use: Use
  /** To which the token goes, besides the issuer's. Null: the first call determines it. */
  #origins: ReadonlySet<string> | null
  /** Of the origins that were called. What a tool says of the time is no reason to prove anything else by it. */
  readonly #clocks = new Map<string, Clock>()
  #current: IssuedToken
  /** Milliseconds since the epoch; infinite: there is no later token. */
  #renewAt: number
  #renewal: Promise<IssuedToken> | null = null
  #ended: Promise<void> | null = null
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(issuer: Issuer, key: ProofKey | null, requested: Requested, issued: IssuedToken, use: Use) {
    this.#issuer = issuer
    this.#key = key
    this.#requested = requested
    this.#use = use
    this.#origins = use.origins
    this.#current = issued
    this.#renewAt = renewalOf(issued)
    this.#keepAlive()
  }

  get issuer(): string {
    return this.#issuer.id
  }
  get id(): string {
    return this.#current.task
  }
  get purpose(): string {
    return this.#current.purpose
  }
  get scope(): string {
    return this.#current.scope
  }
  get isBound(): boolean {
    return this.#key !== null
  }

  async token(): Promise<string> {
    return (await this.#usable()).token
  }

  readonly fetch: typeof fetch = async (input, init) =>
    authorizedFetch(
      {
        token: async () => this.token(),
        after: async (rejected) => this.#after(rejected),
        key: this.#key,
        admits: (origin) => this.#admits(origin),
        clockOf: (origin) => this.#clockOf(origin),
        reach: this.#issuer.reach,
      },
      input,
      init,
    )

  async delegate({ id, identity, purpose, dpop }: SubAgent, scope?: ScopeText): Promise<Task> {
    const key = await ProofKey.of(dpop ?? this.isBound)
    const handOver = await this.handOver(definedOf({ id, thumbprint: key?.thumbprint }))
    const requested = definedOf({ purpose, ...scopeMember(scope) })
    return opened(this.#issuer.as(identity), key, requested, this.#use, { parent: handOver })
  }

  async handOver({ id, thumbprint }: { readonly id: string; readonly thumbprint?: string }): Promise<HandOver> {
    const token = await this.token()
    if (!this.#key) return { token }
    if (thumbprint === undefined) throw new TypeError("a bound task is handed over to a key: name its thumbprint")
    const now = this.#issuer.clock.now()
    return { token, handover: await this.#key.handOver(this.issuer, id, thumbprint, token, now) }
  }

  async stepUp(session: Session): Promise<void> {
    this.#requireLive()
    this.#take(await this.#freshened(session))
  }

  complete(): Promise<void> {
    this.#ended ??= this.#complete().catch((thrown: unknown) => {
      this.#ended = null
      throw thrown
    })
    return this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.complete().catch((thrown: unknown) => {
      // Nothing is left that could end it, or that it would have to end.
      if (!(thrown instanceof NarrowgateError) || thrown.code !== "task_ended") throw thrown
    })
  }

  async save(): Promise<SavedTask> {
    const { task, purpose, scope, token, expiresAt } = await this.#usable()
    const { session: _, ...requested } = this.#requested
    const origins = this.#origins && { origins: [...this.#origins] }
    const saved = {
      version: 1,
      issuer: this.issuer,
      task,
      purpose,
      scope,
      token,
      expiresAt,
      ...origins,
      requested,
    } as const
    return this.#key ? { ...saved, key: await this.#key.saved() } : saved
  }

  /** The form that renews the token, for a client that makes the request itself; it lacks the agent's proof. */
  async renewalForm(): Promise<URLSearchParams> {
    const { grant, parameters } = renewal(await this.token())
    return new URLSearchParams({ grant_type: grant, ...definedOf(parameters) })
  }

  /** Adds the agent's proof to a request to the token endpoint, and to no other. */
  async authenticate(form: URLSearchParams, url: URL): Promise<void> {
    if (url.href !== this.#issuer.tokenEndpoint.href)
      throw new NarrowgateError("issuer_invalid", `${url.origin} is not ${this.issuer}, and gets no proof of the agent`)
    for (const [name, value] of Object.entries(await this.#issuer.assertion())) form.set(name, value)
  }

  /** Takes a token of this task that another request has got. */
  adopt({ token, life }: { readonly token: string; readonly life: number }): void {
    const from = Date.now()
    if (claimsOf(token)?.["task"] !== this.id) return
    this.#take({ ...this.#current, token, from, expiresAt: from + life * 1000 })
  }

  #admits(origin: string): boolean {
    if (origin === new URL(this.issuer).origin) return true
    this.#origins ??= new Set([origin])
    return this.#origins.has(origin)
  }

  #clockOf(origin: string): Clock {
    const clock = this.#clocks.get(origin) ?? new Clock(this.#issuer.clock)
    this.#clocks.set(origin, clock)
    return clock
  }

  async #usable(): Promise<IssuedToken> {
    this.#requireLive()
    const now = Date.now()
    const { expiresAt } = this.#current
    if (now >= expiresAt) return this.#reopened()
    if (now < this.#renewAt) return this.#current
    try {
      return await this.#renewed()
    } catch (thrown) {
      if (now >= expiresAt - MARGIN) throw thrown
      // It is good for a while yet, and is renewed by a later call, or rejected there.
      this.#renewAt = Date.now() + PAUSE
      return this.#current
    }
  }

  /** The token that comes after one that was not accepted; null: there is none. */
  async #after(rejected: string): Promise<string | null> {
    if (this.#current.token !== rejected) return this.#current.token
    try {
      return (await this.#renewed()).token
    } catch {
      return null
    }
  }

  #renewed(): Promise<IssuedToken> {
    return this.#once(async () => this.#issuer.request(renewal(this.#current.token), this.#key))
  }

  async #freshened(session: Session): Promise<IssuedToken> {
    const named = { task: this.id, resource: audienceOf(this.#current.token) }
    return this.#issuer.request(withParameters(await sessionRequest(session), named), this.#key)
  }

  /**
   * The last token has expired, so that nothing proves the task any more but its key: by it a fresher login, or the same
   * request, continues it.
   */
  #reopened(): Promise<IssuedToken> {
    const key = this.#key
    const lapsed = new NarrowgateError(
      "task_ended",
      "the task's token expired before it was renewed: open another task",
    )
    if (!key || this.#renewAt === Infinity) throw lapsed
    const { session } = this.#requested
    return this.#once(async () => {
      const requested = async () => this.#issuer.request(await openingRequest(this.#requested), key)
      // First by a fresher login, if it is one: its request for the same would open another task, which the issuer would
      // from then on look for in place of this one.
      const issued = await (session ? this.#freshened(session).catch(requested) : requested())
      if (issued.task === this.id) return issued
      // The task has ended; what was opened in its place is not what the caller holds.
      await ended(this.#issuer, key, issued).catch(() => undefined)
      throw lapsed
    })
  }

  /** One request for all who wait for it. */
  #once(request: () => Promise<IssuedToken>): Promise<IssuedToken> {
    this.#renewal ??= request()
      .then((issued) => this.#take(issued))
      .finally(() => {
        this.#renewal = null
      })
    return this.#renewal
  }

  #take(issued: IssuedToken): IssuedToken {
    this.#current = issued
    this.#renewAt = renewalOf(issued)
    this.#keepAlive()
    return issued
  }

  #requireLive(): void {
    if (this.#ended) throw new NarrowgateError("task_ended", "the task has been completed")
  }

  async #complete(): Promise<void> {
    clearTimeout(this.#timer)
    await ended(this.#issuer, this.#key, await this.#usable())
  }

  #keepAlive(): void {
    clearTimeout(this.#timer)
    if (!this.#use.keepAlive || this.#ended || this.#renewAt === Infinity) return
    const again = (): void => {
      this.#usable().then(
        () => this.#keepAlive(),
        () => undefined,
      )
    }
    this.#timer = setTimeout(again, Math.min(LONGEST_TIMER, Math.max(0, this.#renewAt - Date.now())))
    // In Node a task keeps no process alive.
    const timer: { readonly unref?: () => void } | number = this.#timer
    if (typeof timer === "object") timer.unref?.()
  }
}

/** No token outlives its task: towards its end they are shorter and shorter, and the last is not renewed. */
function renewalOf({ from, expiresAt }: IssuedToken): number {
  const life = expiresAt - from
  return life <= MARGIN ? Infinity : expiresAt - life * LAST_PART
}

export async function opened(
  issuer: Issuer,
  key: ProofKey | null,
  requested: Requested,
  use: Use,
  { parent, onConsent }: Pick<OpenTaskOptions, "parent" | "onConsent"> = {},
): Promise<LiveTask> {
  const request = await openingRequest(requested, parent)
  // A consent opens a task of its own, and none below another.
  const issued = await withConsent(issuer, request, key, parent ? undefined : onConsent)
  return new LiveTask(issuer.afterwards(), key, requested, issued, use)
}

/** Ends a task by its own token. That of one which has ended already, however it did, still says so. */
async function ended(issuer: Issuer, key: ProofKey | null, { task, token }: IssuedToken): Promise<void> {
  const url = new URL(`${issuer.id}/v1/tasks/${task}/complete`)
  const reach = issuer.afterwards().reach
  const response = await authorizedFetch(
    {
      token: async () => token,
      after: async () => null,
      key,
      admits: (origin) => origin === url.origin,
      clockOf: () => issuer.clock,
      reach: { ...reach, fetch: async (_input, init) => boundedFetch(url.href, init ?? {}, reach) },
    },
    url,
    { method: "POST", redirect: "manual" },
  )
  if (response.ok) return
  const code = response.status >= 500 ? "issuer_unreachable" : "not_completed"
  const body = parsed(await response.text())
  const why = textAt(body, "error_description") ?? `the status is ${response.status}`
  throw new NarrowgateError(code, `the task is not completed: ${why}`)
}
