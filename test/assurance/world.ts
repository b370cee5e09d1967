/**
 * Where an attack takes place: services that do whatever reaches them, and a gateway before them. One world has the
 * gateway of a plain OAuth set-up, the other one asks Narrowgate. An attack has the same end in both, and by HTTP. Its
 * steps differ where one of the two has nothing of the kind: a plain set-up has no proofs, switches, approvals or second
 * gateway, and a program without a person has a service account there.
 */
import type { RunningNarrowgate, UserClaims } from "../../testing/index.ts"

/** A person, with what their identity provider says of them. */
export interface Person extends UserClaims {
  readonly subject: string
}

/** What an agent needs to begin work. */
export interface Begin {
  /** What follows the last slash of its id. */
  readonly agent: string
  /** Absent: it acts for nobody. */
  readonly person?: Person
  readonly purpose?: string
  /** Scopes; absent: the purpose's default. */
  readonly scope?: readonly string[]
  /** `authorization_details` (RFC 9396), instead of `scope`. */
  readonly details?: readonly object[]
  /** The session of the agent that hands work on. */
  readonly parent?: Session
  /** For calls through this gateway. Absent: `edge`. */
  readonly gateway?: string
}

/** What an agent calls with. */
export interface Session {
  /** The value of `Authorization`. */
  readonly authorization: string
  /** Of Narrowgate. Null where there are no tasks. */
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

export interface Answer {
  readonly status: number
  readonly body: string
}

/** What a service behind a gateway has done. */
export interface Deed {
  readonly method: string
  readonly path: string
  readonly body: unknown
}

/** Narrowgate itself, for what only it has. */
export interface Narrowgate extends RunningNarrowgate {
  /** A request to a path of Narrowgate's own. What it denies is among the records. */
  request(path: string, init: RequestInit): Promise<Answer>
}

export interface World {
  /** Rejects with `Refused` if no work of this kind may begin. */
  begin(begin: Begin): Promise<Session>
  call(session: Session, call: Call): Promise<Answer>
  /** The agent says that its work is done. In the plain world nobody listens: its person's session goes on. */
  complete(session: Session): Promise<void>
  /** What the MCP server behind the gateways says of its tools from now on, or again what it has said at first. */
  describe(tools: "as at first" | "otherwise"): void
  /** Everything that was done behind the gateways, the oldest first. */
  readonly deeds: readonly Deed[]
  /** Lets time pass, such as `"10 minutes"`. */
  pass(span: string): Promise<void>
  /** Null in the plain world, which has nothing of what Narrowgate adds. */
  readonly narrowgate: Narrowgate | null
}

/** No work began. */
export class Refused extends Error {
  /** Of OAuth, such as `invalid_scope`. */
  readonly code: string

  constructor(code: string) {
    super(`no work began: ${code}`)
    this.code = code
  }
}
