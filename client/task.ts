/** A task as an agent sees it, and what it takes to open one. */
import type { ArgumentBounds } from "../src/core/catalog/bounds/definition.ts"
import type { Action, Sensitivity } from "../src/core/catalog/tool.ts"
import type { Identity } from "./identities.ts"
import type { BindingOption, KeyPair } from "./proof-key.ts"

/** Scopes, `<tool pattern>:<action>`, separated by spaces or as a list. */
export type ScopeText = string | readonly string[]

/** Calls that a task is to make: an object of `authorization_details`, as the token endpoint takes it. */
export interface CallDetails {
  readonly type: "narrowgate_call"
  /** Names of the catalog, or patterns such as `crm.tickets.*`. */
  readonly tools: readonly string[]
  readonly actions: readonly Action[]
  readonly max_sensitivity?: Sensitivity
  /** By argument; all bounds hold. */
  readonly arguments?: ArgumentBounds
  /** A call with any other argument is denied. */
  readonly closed?: true
  /** Of the whole task. */
  readonly calls?: number
}

/** Proves on whose behalf the agent acts. */
export interface SessionToken {
  readonly token: string
  /**
   * `access_token` and `id_token` of the user's identity provider; `id_jag`: its assertion that the agent may work for the
   * user (draft-ietf-oauth-identity-assertion-authz-grant).
   */
  readonly type: "access_token" | "id_token" | "id_jag"
}

/** A text is an access token. A function is called whenever one is needed. */
export type Session = string | SessionToken | (() => string | SessionToken | Promise<string | SessionToken>)

export interface OpenTaskOptions {
  /** The URL of Narrowgate, such as `https://authz.example`. */
  readonly issuer: string
  /** Proves which agent this is: `fromFile(…)`, `fromPrivateKey(…)`, or a function. */
  readonly identity: Identity
  /** The user on whose behalf the agent acts; absent: the agent acts on its own. */
  readonly session?: Session
  /** Another agent's task, out of which this one is to come: what its `handOver` returned. */
  readonly parent?: HandOver
  /** The kind of work; absent: the agent's first purpose. */
  readonly purpose?: string
  /** The most that the task is to do; absent: what the purpose gives by default. */
  readonly scope?: ScopeText
  /** In place of `scope`, with bounds on arguments, sensitivity and the number of calls (RFC 9396). */
  readonly authorizationDetails?: readonly CallDetails[]
  /** The audience, or a URL below it, if the agent has several audiences (RFC 8707). */
  readonly resource?: string
  /**
   * Binds the token to a key (RFC 9449), so that a stolen one is of no use. `true` makes a key that cannot leave this
   * process.
   */
  readonly dpop?: BindingOption
  /**
   * The origins to which `fetch` of the task sends its token, besides the issuer's; absent: only that of the first call.
   */
  readonly origins?: readonly string[]
  /** Takes the place of the global `fetch` for every request, of the token endpoint and of calls. */
  readonly fetch?: typeof fetch
  /**
   * Called if the task needs the user's consent: shows them where they answer. Meanwhile the opening waits. Absent, or if
   * the session does not say who the user is: a `ConsentRequiredError`.
   */
  readonly onConsent?: (request: ConsentRequest) => void | Promise<void>
  /** Milliseconds that a request to the issuer, or the identity, may take; 10,000 by default. */
  readonly timeout?: number
  /** Lets tokens go over plain HTTP to other machines too, where the network itself encrypts. */
  readonly allowHttp?: boolean
  /** `false`: the token is renewed only when it is needed, not in time before it expires. */
  readonly keepAlive?: boolean
  /** Ends the opening, and nothing after it. */
  readonly signal?: AbortSignal
}

/** A task waits for its user's consent. */
export interface ConsentRequest {
  /** The page where the user reads what the task would do, and answers. It carries no authority, and may be public. */
  readonly url: string
  /** What needs the consent, as scopes. */
  readonly scope: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** What `save` returned, and what is not saved with it. */
export interface ResumeTaskOptions extends Pick<
  OpenTaskOptions,
  "identity" | "session" | "origins" | "fetch" | "timeout" | "allowHttp" | "keepAlive" | "signal"
> {
  /** The task's key, if `save` did not contain it. */
  readonly dpop?: KeyPair
}

/** A live task. `await using` completes it. */
export interface Task extends AsyncDisposable {
  readonly issuer: string
  /** Such as `tsk_01M8815EYFQTG027QX3M0V9BK2RD5WAH4N6C`. */
  readonly id: string
  readonly purpose: string
  /** What was granted, which may be less than what was requested. */
  readonly scope: string
  /** Whether calls prove a key; then a token alone is worth nothing, and `fetch` is what makes calls. */
  readonly isBound: boolean

  /** A token that is good for a while; renewed before it expires, by one request for all concurrent callers. */
  token(): Promise<string>

  /**
   * As the global `fetch`, with the token, and the proof of a bound one. A call of an origin that is not one of the task's
   * `origins` is not made: `origin_not_allowed`. If the token was not accepted, the request is
   * made once more with a new one, unless its body can be sent only once. A redirect to another origin is not followed:
   * its answer is returned.
   */
  readonly fetch: typeof fetch

  /**
   * Opens a task of another agent out of this one, with no more than this one has.
   *
   * @param scope absent: what the purpose gives by default
   */
  delegate(agent: SubAgent, scope?: ScopeText): Promise<Task>

  /** What another agent, elsewhere, needs for a task out of this one: its `openTask` takes it as `parent`. */
  handOver(agent: { readonly id: string; readonly thumbprint?: string }): Promise<HandOver>

  /** Brings a fresher or stronger login of the user into the task, which answers `step_up_required`. */
  stepUp(session: Session): Promise<void>

  /** Ends the task and all below it: once this resolves, none of their tokens authorizes anything. */
  complete(): Promise<void>

  /**
   * What `resumeTask` needs after the agent's restart, as JSON. **It contains the token, and the key if that is
   * exportable: keep it as secret as a password.** Its token is good for minutes; the task of a bound one can be resumed
   * later too, by the same session or a fresher login of its user.
   */
  save(): Promise<SavedTask>
}

export interface SubAgent {
  /** As agents.yaml has it. */
  readonly id: string
  readonly identity: Identity
  /** Absent: that of the task, if the agent has it. */
  readonly purpose?: string
  /** Absent: a key if this task has one, which it then takes. */
  readonly dpop?: BindingOption
}

/** Passes authority on: as secret as the token in it. Good until that token expires, or five minutes if it is bound. */
export interface HandOver {
  readonly token: string
  /** The signed consent of the key to which the token is bound; absent: it is bound to none. */
  readonly handover?: string
}

export interface SavedTask {
  readonly version: 1
  readonly issuer: string
  readonly task: string
  readonly purpose: string
  readonly scope: string
  readonly token: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Those to which the token goes; absent: not known yet. */
  readonly origins?: readonly string[]
  /** What was requested, to request it again. */
  readonly requested: {
    readonly purpose?: string
    readonly scope?: string
    /** As JSON. */
    readonly authorization_details?: string
    readonly resource?: string
  }
  /** The private key, if it is exportable; null: the caller keeps it; absent: the task has none. */
  readonly key?: object | null
}
