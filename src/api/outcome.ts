/** The result of a management request: an answer or an error, and what its record says. */
import type { Contract, EndpointName } from "./contract/contract.ts"
import type { Access } from "./contract/endpoint.ts"
import type { ErrorCode } from "./contract/errors.ts"
import type { Answer } from "./contract/contract.ts"
import { forbiddenSentence, type ForbiddenDenial } from "./contract/forbidden.ts"
import type { DecisionRecord } from "../core/record/record.ts"

/** The part of a record that is known before the request is read. */
export type RecordStart = Pick<DecisionRecord, "id" | "at" | "kind" | "method" | "path" | "bundle">

export interface ApiAnswer<Body> {
  readonly answer: Body
  /**
   * Added to what the record says of the caller. Null if the request is recorded elsewhere, or continues one that is
   * recorded.
   */
  readonly record?: Partial<DecisionRecord> | null
  readonly headers?: Readonly<Record<string, string>>
}

export type ApiError<Code extends ErrorCode = ErrorCode> = Code extends "policy_denied"
  ? Forbidden
  : OtherError<Exclude<Code, "policy_denied">>

/** A 403: its reason is one of a closed set, which determines its text. */
interface Forbidden {
  readonly error: "policy_denied"
  readonly denial: ForbiddenDenial
  /** Added to the caller, the code and the denial. */
  readonly record?: Partial<DecisionRecord>
}

interface OtherError<Code extends ErrorCode> {
  readonly error: Code
  /** A sentence for the client's developer. */
  readonly description: string
  /** If absent, the status determines the reason. */
  readonly denial?: DecisionRecord["denial"]
  /** Added to the caller, the code and the denial. */
  readonly record?: Partial<DecisionRecord>
  /** Additional members of the body. */
  readonly members?: object
  readonly headers?: Readonly<Record<string, string>>
}

/** The body of an error. */
export function errorBody(error: ApiError, decision_id: string): object {
  if (error.error === "policy_denied") {
    const { error: code, denial } = error
    return { error: code, reason: denial.reason, error_description: forbiddenSentence(denial), decision_id }
  }
  return { error: error.error, error_description: error.description, ...error.members, decision_id }
}

/** The error for a caller who is not authenticated, or not authorized. */
export type CallerError = ApiError<"missing_token" | "invalid_token" | "policy_denied" | "unavailable">

export function isApiError(result: object): result is ApiError {
  return "error" in result
}

/** The error codes that an endpoint's contract declares; a handler that returns another one does not compile. */
export type CodeOf<Name extends EndpointName> =
  | Contract[Name]["errors"][number]
  | "invalid_token"
  | "unavailable"
  | (Contract[Name] extends { readonly query: unknown } | { readonly body: unknown } ? "invalid_request" : never)
  | (Contract[Name]["access"] extends { readonly by: "publisher" } ? never : "missing_token")
  | (Contract[Name]["access"] extends Extract<Access, { readonly role: unknown }> ? "policy_denied" : never)

export type ApiResult<Name extends EndpointName> =
  | ApiAnswer<Contract[Name] extends { readonly isLines: true } ? ReadableStream<Uint8Array> : Sent<Answer<Name>>>
  | ApiError<CodeOf<Name>>

/**
 * What a schema describes, as it is sent: read-only, and without a member that the schema does not name. If the schema
 * names none, any object will do, and the tests check it against the schema.
 */
type Sent<Value> = Value extends readonly (infer Item)[]
  ? readonly Sent<Item>[]
  : Value extends object
    ? [NamedKey<Value>] extends [never]
      ? object
      : { readonly [Key in keyof Value as string extends Key ? never : Key]: Sent<Value[Key]> }
    : Value
type NamedKey<Value> = keyof { [Key in keyof Value as string extends Key ? never : Key]: unknown }
