import type { ToolRequest } from "../../src/core/catalog/tool-request.ts"
import type { Evidence } from "../../src/core/decision/call.ts"
import type { Client } from "../../src/core/decision/client.ts"
import type { Denial } from "../../src/core/denials/denial.ts"
import type { OAuthError } from "../../src/core/denials/oauth-error.ts"
import type { GatewayDefinition } from "../../src/core/policy/definition/gateways.ts"
import type { ManagedThing, OperatorFacts } from "../../src/core/policy/management.ts"
import type { UserFacts } from "../../src/core/policy/principals.ts"
import type { RequestedGrant } from "../../src/core/task/grant.ts"
import type { Opened } from "../../src/core/task/opening-step.ts"
import type { Task } from "../../src/core/task/task.ts"
import type { RecordedQueries } from "./recording-engine.ts"
import type { Caller } from "./simulation.ts"

/** How a user has logged in. */
export interface Login extends Omit<UserFacts, "auth_time" | "until"> {
  /** Seconds from the login to the opening of the tree. */
  readonly auth_age?: number
}

/** One task of the tree, as its agent requests it. */
export interface RequestedTask {
  readonly agent: string
  readonly purpose: string | null
  readonly requested: RequestedGrant
}

/** A call as its gateway presents it: the tool is found as in a real call. */
export interface CallTarget extends ToolRequest {
  readonly gateway: GatewayDefinition
  /** Its arguments are not seen, although its gateway forwards bodies: as of a body that is too long. */
  readonly unseen: boolean
}

/** Calls before the one in question. */
export interface Step extends Omit<Caller, "gateway"> {
  readonly target: CallTarget
  readonly times: number
  /** Seconds that pass before the first of them. */
  readonly later: number
  /** The expected result of each of them. */
  readonly expected: Expected
  /** After the last of them, all of them have ended. */
  readonly settles: boolean
}

/** The state in which the query is made. */
export interface Scene {
  readonly user: Login | null
  /** The root task first; each opens the next as a child. The last one calls. */
  readonly chain: readonly RequestedTask[]
  /** The parties that have consented to the tasks. */
  readonly consents: readonly string[]
  /** Names of the approvals that each call has. */
  readonly approvals: readonly string[]
  readonly boundKey: boolean
  /** The tasks hold every tool, whatever agents, purposes and `delegate` allow, so that no grant denies a call. */
  readonly rulesAlone: boolean
  /** Of each call. */
  readonly risk: number
  /** What other work of the tree has left: labels, and the calls that each task of the chain counts. */
  readonly left: { readonly labels: readonly string[]; readonly calls: number }
  readonly after: readonly Step[]
  /** The client of the query, as the gateway asserts it. */
  readonly client: Client
  /** Seconds between all that and the query. */
  readonly later: number
}

export type TestQuery =
  | { readonly kind: "call"; readonly scene: Scene; readonly target: CallTarget }
  /** What the last task of the chain would hold. */
  | { readonly kind: "open"; readonly scene: Scene }
  | {
      readonly kind: "manage"
      readonly operator: OperatorFacts
      readonly method: string
      readonly thing: ManagedThing
    }

export interface Decided {
  readonly kind: "decided"
  /** Null: allowed. */
  readonly denial: Denial | null
  readonly evidence: Evidence
  /** Null if the call names no tool of the catalog, or if nothing is called. */
  readonly tool: string | null
}

export type Result =
  | Decided
  | { readonly kind: "opened"; readonly task: Task }
  | { readonly kind: "refused"; readonly refusal: OAuthError }
  /** The query could not be made: a task of the chain was denied. */
  | { readonly kind: "unopened"; readonly agent: string; readonly refusal: OAuthError }
  /** The same: an earlier call had another result than expected. Both count from 0. */
  | {
      readonly kind: "interrupted"
      readonly step: number
      readonly time: number
      readonly decided: Decided
      readonly expected: Expected
    }

export interface Answered {
  readonly result: Result
  /** The policy queries of it: for the opening, which another query may share, and for the rest. */
  readonly recorded: readonly RecordedQueries[]
}

export interface Run {
  ask(question: TestQuery): Answered
}

export interface Opening {
  readonly user: UserFacts | null
  readonly opened: readonly Opened[]
  /** Of the task after those. */
  readonly refused: OAuthError | null
}

/** A member that is null may have any value. */
export interface Expected {
  /** `allow`, or the code of the denial. */
  readonly decision: string
  /** Exactly what the task holds. */
  readonly scope: readonly string[] | null
  /** Exactly the rules that determine the result, sorted. */
  readonly rules: readonly string[] | null
  readonly reason: string | null
  /** Key of the entity that is not permitted. */
  readonly principal: string | null
  /** Members of the denial. */
  readonly with: Readonly<Record<string, unknown>> | null
}
