/**
 * The entry point `Authorizer` of Narrowgate's Worker, as a Worker with a service binding to it calls it (RPC). Plain
 * interfaces, so that they fit whichever types of Workers a project has.
 */

/** Of a request: a name that came twice stands twice. */
export type HeaderLines = Record<string, string> | [name: string, value: string][]

/** An agent's request, as the Worker received it. */
export interface WorkerCall {
  /** The Worker's own, as a gateway of dialect `worker`. */
  readonly key: string
  readonly method: string
  /** Absolute, and as it will be sent on. */
  readonly url: string
  /** All that the agent sent, `Authorization` and `DPoP` among it. */
  readonly headers: HeaderLines
  /** Null: the request has none. Absent only for GET, HEAD and OPTIONS. */
  readonly body?: string | Uint8Array<ArrayBuffer> | null
  /** The Worker's own name of the request: if it asks again within 5 s, both count once. */
  readonly requestId?: string
}

/** A server's answer to a request for a list, with the headers of that request. */
export interface WorkerList {
  readonly key: string
  /** The server's name in the catalog. */
  readonly server: string
  readonly headers: HeaderLines
  /** `Content-Type` of the answer; absent: JSON. */
  readonly type?: string
  readonly body: string | Uint8Array<ArrayBuffer> | null
}

/** What the answer to `authorize` called the call. */
export interface WorkerSettlement {
  readonly key: string
  /** `X-Narrowgate-Decision` of the answer. */
  readonly decision: string
  /** `X-Narrowgate-Task` of the answer. */
  readonly task: string
}

export interface WorkerAnswer {
  readonly allowed: boolean
  /** What the agent gets if the call is denied, with these headers and this body. */
  readonly status: number
  /** By names in lower case. Of an allowed call the identity, which the Worker sets over the agent's own headers. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Authorizer {
  /** Decides whether a call is allowed, and counts it if it is. */
  authorize(call: WorkerCall): Promise<WorkerAnswer>
  /** Decides which tools of a list may be called; the body of an allow is the list. */
  tools(list: WorkerList): Promise<WorkerAnswer>
  /** A call that was allowed has ended. */
  settle(call: WorkerSettlement): Promise<WorkerAnswer>
}

/** A service binding as `wrangler types` types it, which does not know what another Worker offers. */
export interface ServiceBinding {
  fetch(...args: never[]): unknown
}

/**
 * Returns the same binding, with its type.
 *
 * @throws TypeError if it has no methods: what another entry point lacks shows only when it is called
 */
export function authorizerOf(binding: Authorizer | ServiceBinding): Authorizer {
  if (isAuthorizer(binding)) return binding
  throw new TypeError("this is no binding to the entry point `Authorizer` of Narrowgate's Worker")
}

const METHODS = ["authorize", "tools", "settle"] as const satisfies readonly (keyof Authorizer)[]

// Of a stub no member can be enumerated.
const isAuthorizer = (binding: object): binding is Authorizer =>
  METHODS.every((name) => typeof Reflect.get(binding, name) === "function")
