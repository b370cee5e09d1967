/**
 * What one endpoint of the management API is. The entries stand in the files of this folder, one for each resource;
 * routes, authorization, records, the description in OpenAPI, the console and the command read them.
 */
import type * as z from "zod"
import type { ManagedThing } from "../../core/policy/management.ts"
import type { Role } from "../../core/policy/definition/operators.ts"
import type { DecisionRecord } from "../../core/record/record.ts"
import type { ErrorCode } from "./errors.ts"
import type { Parameter, ParametersOf } from "./parameters.ts"

/** What policy is asked about: a path parameter names the one thing; without one it is about all of the kind. */
export interface Thing {
  readonly kind: ManagedThing["kind"]
  readonly parameter?: Parameter
}

/** Of the area of the endpoint and by its method, unless it says otherwise. */
export type NamedThing = Pick<ManagedThing, "kind" | "target"> &
  Partial<Pick<ManagedThing, "area">> & { readonly method?: "GET" }

/** At least one: whoever is permitted nothing in particular would be permitted everything. */
export type NamedThings = readonly [NamedThing, ...NamedThing[]]

/** An operator of this role, or of one that includes it, whom policy permits to manage the area. */
interface ByRole {
  readonly role: Role
  readonly area: ManagedThing["area"]
  readonly thing: Thing
}

/** Who may use an endpoint. */
export type Access =
  | (ByRole & {
      readonly by: "operator"
      /** The things, if the body names them: the door then reads it before it asks policy about each. */
      readonly thingsIn?: (body: never) => NamedThings
    })
  /** The agent of the task, or of one above it, by its delegation token; or an operator. */
  | (ByRole & { readonly by: "task" })
  /** A person who is asked for the approval, or an operator who may give it. */
  | (ByRole & { readonly by: "approver" })
  /** The person whose consent is asked for, whatever their role. */
  | { readonly by: "person" }
  /**
   * Whoever holds the private half of a key of `PUBLISHER_KEYS`, which has signed what they want: to publish, or to read
   * the history. Without such a statement a request for the history is somebody else's, and the next entry's.
   */
  | { readonly by: "publisher"; readonly statement: "publication" | "history" }

export interface Body {
  readonly schema: () => z.ZodType<object>
  readonly maxBytes: number
  /** A sentence for whoever sent one that is not accepted, behind what is wrong with it. */
  readonly usage?: string
  /** The request may come without one. */
  readonly isOptional?: true
  /** Its bytes are the handler's to read. */
  readonly isRaw?: true
}

export interface Endpoint {
  readonly method: "GET" | "POST" | "DELETE"
  readonly path: `/v1/${string}`
  /** One sentence. */
  readonly summary: string
  readonly access: Access
  /** Kind of the record that the request leaves. */
  readonly record: Exclude<DecisionRecord["kind"], "call" | "exchange">
  /** Absent: the query is not looked at. */
  readonly query?: () => z.ZodType<object>
  /** Absent: the body is not looked at. */
  readonly body?: Body
  readonly answer: () => z.ZodType
  /** Beside those that its access, its query and its body imply. */
  readonly errors: readonly ErrorCode[]
  /** What the body of an error has besides, by its code. */
  readonly errorMembers?: Partial<Readonly<Record<ErrorCode, () => z.ZodObject>>>
}

/** An entry as it is written; a parameter of its path that `parameters.ts` does not know does not compile. */
export function endpoint<const Entry extends Endpoint>(
  entry: Entry & (ParametersOf<Entry["path"]> extends Parameter ? unknown : never),
): Entry {
  return entry
}

/** Makes a schema when it is first needed: an isolate that starts cold makes none. */
export function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | null = null
  return () => (made ??= { value: make() }).value
}

/** Every code that an endpoint answers with. */
export function errorsOf({ access, query, body, errors }: Endpoint): readonly ErrorCode[] {
  const byToken = access.by === "publisher" ? [] : (["missing_token"] as const)
  const byPolicy = "role" in access ? (["policy_denied"] as const) : []
  const byInput = query || body ? (["invalid_request"] as const) : []
  return [...new Set([...byInput, ...byToken, "invalid_token", ...byPolicy, ...errors, "unavailable"] as const)]
}
