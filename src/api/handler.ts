/** What an endpoint's handler receives once the request is read and its caller is authenticated. */
import type * as z from "zod"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Publication } from "../bundles/signed-publication.ts"
import type { Person } from "../credentials/person.ts"
import type { RequestContext } from "../request-context.ts"
import type { Contract, EndpointName } from "./contract/contract.ts"
import type { ParametersOf } from "./contract/parameters.ts"
import type { PermittedOperator } from "./operator.ts"
import type { ApiResult, RecordStart } from "./outcome.ts"
import type { ApprovingCaller } from "./person.ts"
import type { AgentCaller, TaskCaller } from "./task-caller.ts"

/** The caller's type, by the access of the endpoint. */
interface Callers {
  readonly operator: PermittedOperator
  readonly task: TaskCaller
  readonly agent: AgentCaller
  readonly approver: ApprovingCaller
  readonly person: Person
  readonly publisher: Pick<Publication, "kid">
}
type CallerKind<Name extends EndpointName> = Contract[Name]["access"]["by"]

export interface ApiRequest<Name extends EndpointName> {
  readonly request: Request
  readonly parameters: { readonly [Parameter in ParametersOf<Contract[Name]["path"]>]: string }
  readonly query: Contract[Name] extends { readonly query: () => infer Schema extends z.ZodType }
    ? z.output<Schema>
    : null
  readonly body: Contract[Name] extends { readonly body: { readonly schema: () => infer Schema extends z.ZodType } }
    ? z.output<Schema>
    : null
  readonly caller: Contract[Name]["access"] extends { readonly statement: "publication" }
    ? Publication
    : Callers[CallerKind<Name>]
  /** Null for a publisher, because the first bundle arrives in this way. */
  readonly bundle: CallerKind<Name> extends "publisher" ? null : Bundle
  readonly context: RequestContext
  readonly started: RecordStart
}

export type Handler<Name extends EndpointName> = (request: ApiRequest<Name>) => Promise<ApiResult<Name>>
