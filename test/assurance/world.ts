/**
 * Where an attack takes place: services that serve every request, and a gateway before them. One world has the
 * gateway of a plain OAuth set-up, the gateway of the other one has Narrowgate authorize each call. An attack has the same
 * goal in both, and uses HTTP in both. Its steps differ if one of the two has nothing of the kind: a plain set-up has no
 * proofs, revocations, approvals or second gateway, and a program without a person has a service account there.
 */
import type { RunningNarrowgate, UserClaims } from "../../testing/index.ts"

/** A person, with what their identity provider says of them. */
export interface Person extends UserClaims {
  readonly subject: string
}

/** What an agent states when it begins work. */
export interface WorkRequest {
  /** What follows the last slash of its id. */
  readonly agent: string
  /** Absent: it acts for itself. */
  readonly person?: Person
  readonly purpose?: string
  /** Scopes; absent: the purpose's default. */
  readonly scope?: readonly string[]
  /** `authorization_details` (RFC 9396), instead of `scope`. */
  readonly details?: readonly object[]
  /** The session of the agent that delegates. */
  readonly parent?: Session
  /** For calls through this gateway. Absent: `edge`. */
  readonly gateway?: string
}

/** What an agent calls with. */
export interface Session {
  /** The value of `Authorization`. */
  readonly authorization: string
  /** Of Narrowgate. Null if there are no tasks, or if no scenario needs it. */
  readonly task: string | null
}

export interface Call {
  readonly method: string
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** A gateway by its id. Absent: `edge`. */
  readonly gateway?: string
}

export interface HttpResponse {
  readonly status: number
  readonly body: string
}

/** A request that a service behind a gateway has served. */
export interface ServedRequest {
  readonly method: string
  readonly path: string
  readonly body: unknown
}

/** Narrowgate itself, for what only it has. */
export interface Narrowgate extends RunningNarrowgate {
  /** Sends a request to Narrowgate's own API. `denials` reports a denial of it, too. */
  request(path: string, init: RequestInit): Promise<HttpResponse>
}

export interface World {
  /** Rejects with `TaskDenied` if Narrowgate opens no task. */
  begin(request: WorkRequest): Promise<Session>
  call(session: Session, call: Call): Promise<HttpResponse>
  /** The agent reports that its work is done. In the plain world that has no effect: its person's session goes on. */
  complete(session: Session): Promise<void>
  /** Sets how the MCP server behind the gateways describes its tools from now on. */
  describe(tools: "as reviewed" | "otherwise"): void
  /** Everything that reached a service, the oldest first; notices of Narrowgate, too. */
  readonly servedRequests: readonly ServedRequest[]
  /** Lets time pass, such as `"10 minutes"`. */
  pass(span: string): Promise<void>
  /** Null in the plain world, which has nothing of what Narrowgate adds. */
  readonly narrowgate: Narrowgate | null
}
