/**
 * The description of one endpoint of the management API. The files of this folder contain the entries, one file for
 * each resource. Routes, authorization, records, the OpenAPI description, the console and the command are derived from
 * them.
 */
import type * as z from "zod"
import { KIND_OF_AREA, type ManagedThing } from "../../core/policy/management.ts"
import type { Role } from "../../core/policy/definition/operators.ts"
import type { DecisionRecord } from "../../core/record/record.ts"
import type { ErrorCode } from "./errors.ts"
import { isParameter, PARAMETERS, type Parameter, type ParametersOf } from "./parameters.ts"

/**
 * A thing that a request's body names. It is of the endpoint's area and managed by its method, unless stated otherwise.
 */
export type NamedThing = Pick<ManagedThing, "kind" | "target"> &
  Partial<Pick<ManagedThing, "area">> & { readonly method?: "GET" }

/** At least one, because a request about nothing would be permitted by no rule, and so by default. */
export type NamedThings = readonly [NamedThing, ...NamedThing[]]

/** For an operator with this role, or with one that includes it, whom policy permits to manage the area. */
interface ByRole {
  readonly role: Role
  readonly area: ManagedThing["area"]
}

/** Who may use an endpoint. */
export type Access =
  | (ByRole & {
      readonly by: "operator"
      /** Returns the things, if the body names them: the body is then read before policy is evaluated for each. */
      readonly thingsIn?: (body: never) => NamedThings
    })
  /** For the agent of the task or of one of its ancestors, with its delegation token; or for an operator. */
  | (ByRole & { readonly by: "task" })
  /** For the agent of the very task, with its delegation token. A request without one is the next entry's. */
  | { readonly by: "agent" }
  /** For a person whose approval is requested, or an operator who may approve. */
  | (ByRole & { readonly by: "approver" })
  /** For the person whose consent is requested, whatever their roles are. */
  | { readonly by: "person" }
  /**
   * For the holder of a private key of `PUBLISHER_KEYS`, which has signed a statement: to publish, or to read the
   * history. A request for the history without such a statement is an operator's, and the next entry's.
   */
  | { readonly by: "publisher"; readonly statement: "publication" | "history" }

export interface Body {
  readonly schema: () => z.ZodType<object>
  readonly maxBytes: number
  /** A sentence that is added to the error if the body is not accepted. */
  readonly usage?: string
  /** Whether the request may have no body. */
  readonly isOptional?: true
  /** Whether the handler reads the bytes itself. */
  readonly isRaw?: true
}

export interface Endpoint {
  readonly method: "GET" | "POST" | "DELETE"
  readonly path: `/v1/${string}`
  /** One sentence. */
  readonly summary: string
  /** Further sentences of the description. */
  readonly details?: string
  readonly access: Access
  /** The seconds that a request may wait for a change (`Prefer: wait=N`, RFC 7240). Absent: none. */
  readonly waits?: number
  /** What it gives may not be there yet: the 404 then says when to ask again. */
  readonly comesLater?: true
  /** The kind of the record of a request. */
  readonly record: Exclude<DecisionRecord["kind"], "call" | "exchange">
  /** If absent, the query is ignored. */
  readonly query?: () => z.ZodType<object>
  /** If absent, the body is ignored. */
  readonly body?: Body
  readonly answer: () => z.ZodType
  /** Whether the answer is lines of JSON (NDJSON), which are sent as they are read; otherwise it is JSON. */
  readonly isLines?: true
  /** Besides those that the access, the query and the body imply. */
  readonly errors: readonly ErrorCode[]
  /** Additional members of the body of an error, by its code. */
  readonly errorMembers?: Partial<Readonly<Record<ErrorCode, () => z.ZodObject>>>
}

/** Returns the entry as it is written. A path parameter that `parameters.ts` does not list does not compile. */
export function endpoint<const Entry extends Endpoint>(
  entry: Entry & (ParametersOf<Entry["path"]> extends Parameter ? unknown : never),
): Entry {
  return entry
}

/**
 * Returns what a request concerns, for policy. The last parameter of the path names a single thing; without parameters
 * it is all things of the area. Nothing else states it, so that no endpoint can leave out what it shows or changes.
 */
export function managedThing(
  path: Endpoint["path"],
  area: ManagedThing["area"],
  values: Readonly<Record<string, string>>,
): ManagedThing {
  const parameter = path.match(/(?<=:)\w+/g)?.findLast(isParameter)
  if (parameter === undefined) return { area, kind: KIND_OF_AREA[area], target: null }
  const { kind, length } = PARAMETERS[parameter]
  return { area, kind, target: (values[parameter] ?? "").slice(0, length) }
}

/** Makes a schema when it is first needed, so that an isolate starts without making any. */
export function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | null = null
  return () => (made ??= { value: make() }).value
}

/** Returns every error code of an endpoint. */
export function errorsOf({ access, query, body, errors }: Endpoint): readonly ErrorCode[] {
  const byToken = access.by === "publisher" ? [] : (["missing_token"] as const)
  const byPolicy = "role" in access ? (["policy_denied"] as const) : []
  const byInput = query || body ? (["invalid_request"] as const) : []
  return [...new Set([...byInput, ...byToken, "invalid_token", ...byPolicy, ...errors, "unavailable"] as const)]
}
