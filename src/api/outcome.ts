/** What a request to manage results in: the answer or an error, and what its record says. */
import type { Contract, EndpointName } from "./contract/contract.ts"
import type { Access } from "./contract/endpoint.ts"
import type { ErrorCode } from "./contract/errors.ts"
import type { Answer } from "./contract/contract.ts"
import type { DecisionRecord } from "../core/record/record.ts"

/** The part of a record that the door knows before any work. */
export type RecordStart = Pick<DecisionRecord, "id" | "at" | "kind" | "method" | "path" | "bundle">

export interface ApiAnswer<Body> {
  readonly answer: Body
  /** Besides who did it. Null: recorded elsewhere, or a continuation of what is recorded. */
  readonly record?: Partial<DecisionRecord> | null
}

export interface ApiError<Code extends ErrorCode = ErrorCode> {
  readonly error: Code
  /** A sentence for whoever made the request. */
  readonly description: string
  /** Absent: as the status says. */
  readonly denial?: DecisionRecord["denial"]
  /** Besides who did it, the code and the denial. */
  readonly record?: Partial<DecisionRecord>
  /** Further members of the body. */
  readonly members?: object
  readonly headers?: Readonly<Record<string, string>>
}

/** What whoever is not let in is answered. */
export type CallerError = ApiError<"missing_token" | "invalid_token" | "policy_denied" | "unavailable">

export function isApiError(result: object): result is ApiError {
  return "error" in result
}

/** The codes that the entry of an endpoint declares; an answer with another one does not compile. */
export type CodeOf<Name extends EndpointName> =
  | Contract[Name]["errors"][number]
  | "invalid_token"
  | "unavailable"
  | (Contract[Name] extends { readonly query: unknown } | { readonly body: unknown } ? "invalid_request" : never)
  | (Contract[Name]["access"] extends { readonly by: "publisher" } ? never : "missing_token")
  | (Contract[Name]["access"] extends Extract<Access, { readonly role: unknown }> ? "policy_denied" : never)

export type ApiResult<Name extends EndpointName> = ApiAnswer<Sent<Answer<Name>>> | ApiError<CodeOf<Name>>

/**
 * What a schema reads, as it is sent: not to be changed, and without a member that the schema does not name. Where it names
 * none, any object will do: the tests hold what is sent against the schema.
 */
type Sent<Value> = Value extends readonly (infer Item)[]
  ? readonly Sent<Item>[]
  : Value extends object
    ? [NamedKey<Value>] extends [never]
      ? object
      : { readonly [Key in keyof Value as string extends Key ? never : Key]: Sent<Value[Key]> }
    : Value
type NamedKey<Value> = keyof { [Key in keyof Value as string extends Key ? never : Key]: unknown }
