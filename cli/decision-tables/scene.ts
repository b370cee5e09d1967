import type { CallArguments } from "../../src/core/catalog/arguments.ts"
import type { CallRequest } from "../../src/core/catalog/call-request.ts"
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
import type { Heard } from "./recording-engine.ts"
import type { Caller } from "./simulation.ts"

/** How a user has logged in. */
export interface Login extends Omit<UserFacts, "auth_time" | "until"> {
  /** Seconds from the login to the opening of the tree. */
  readonly auth_age?: number
}

/** One task of the tree, as its agent asks for it. */
export interface AskedTask {
  readonly agent: string
  readonly purpose: string | null
  readonly asked: RequestedGrant
}

export type CallTarget =
  | { readonly kind: "tool"; readonly tool: string; readonly arguments: CallArguments }
  /** To be found in the catalog. */
  | { readonly kind: "request"; readonly seen: CallRequest }

/** Calls before the one in question. */
export interface Step extends Caller {
  readonly target: CallTarget
  readonly times: number
  /** Seconds that pass before the first. */
  readonly later: number
  /** What each of them is to come to. */
  readonly expected: Expected
  /** Once the last of them is made, all of them have ended. */
  readonly settles: boolean
}

/** What is the case when the question is asked. */
export interface Scene {
  readonly user: Login | null
  /** The root's task first; each opens the next as a child. The last one calls. */
  readonly chain: readonly AskedTask[]
  /** Who has consented to the tasks that are opened. */
  readonly consents: readonly string[]
  /** Names by which people have approved of each call. */
  readonly approvals: readonly string[]
  readonly boundKey: boolean
  /** The tasks hold all there is, whatever agents, purposes and `delegate` allow: no grant denies a call. */
  readonly rulesAlone: boolean
  readonly gateway: GatewayDefinition
  /** Of each call. */
  readonly risk: number
  /** What other work of the tree has left behind: labels, and calls that each task of the chain counts. */
  readonly left: { readonly labels: readonly string[]; readonly calls: number }
  readonly after: readonly Step[]
  /** That the question comes from, as the gateway asserts it. */
  readonly client: Client
  /** Seconds between all that and the question. */
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
  /** Null where it is no tool of the catalog, or none is called. */
  readonly tool: string | null
}

export type Result =
  | Decided
  | { readonly kind: "opened"; readonly task: Task }
  | { readonly kind: "refused"; readonly refusal: OAuthError }
  /** The question could not be asked: a task of the chain was refused. */
  | { readonly kind: "unopened"; readonly agent: string; readonly refusal: OAuthError }
  /** The same: a call before it came to something else than it was to. Both count from 0. */
  | {
      readonly kind: "interrupted"
      readonly step: number
      readonly time: number
      readonly decided: Decided
      readonly expected: Expected
    }

export interface Answered {
  readonly result: Result
  /** What policy was asked for it: for the opening, which may be another question's too, and for the rest. */
  readonly heard: readonly Heard[]
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

/** What is null may be anything. */
export interface Expected {
  /** `allow`, or the code of the denial. */
  readonly decision: string
  /** Exactly what the task holds. */
  readonly scope: readonly string[] | null
  /** Exactly the rules that determine it, sorted. */
  readonly rules: readonly string[] | null
  readonly reason: string | null
  /** Key of the entity that is not permitted. */
  readonly principal: string | null
  /** Members of the denial. */
  readonly with: Readonly<Record<string, unknown>> | null
}
