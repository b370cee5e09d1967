/** What the handler of an endpoint gets, once the door has read the request and knows who has made it. */
import type * as z from "zod"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Publication } from "../bundles/signed-publication.ts"
import type { Person } from "../credentials/person.ts"
import type { RequestContext } from "../request-context.ts"
import type { Contract, EndpointName } from "./contract/contract.ts"
import type { ParametersOf } from "./contract/parameters.ts"
import type { Permitted } from "./operator.ts"
import type { ApiResult, RecordStart } from "./outcome.ts"
import type { Answerer } from "./person.ts"
import type { TaskCaller } from "./task-caller.ts"

/** Who may have made a request, by the access of its endpoint. */
interface Callers {
  readonly operator: Permitted
  readonly task: TaskCaller
  readonly approver: Answerer
  readonly person: Person
  readonly publisher: Pick<Publication, "kid">
}
type By<Name extends EndpointName> = Contract[Name]["access"]["by"]

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
    : Callers[By<Name>]
  /** A publisher needs none: it is how the first one comes. */
  readonly bundle: By<Name> extends "publisher" ? null : Bundle
  readonly context: RequestContext
  readonly started: RecordStart
}

export type Handler<Name extends EndpointName> = (request: ApiRequest<Name>) => Promise<ApiResult<Name>>
