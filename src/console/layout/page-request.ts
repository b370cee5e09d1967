/**
 * A request for a page of the console: who reads it, as the token of their session says, and the API that answers it. A
 * page shows what the API answers to its reader and does what the API lets them do: it has no authority of its own.
 */
import type { Context } from "hono"
import { isObject } from "../../core/encoding/json.ts"
import { hasRole, type Role } from "../../core/policy/definition/operators.ts"
import type { RequestContext } from "../../request-context.ts"
import type { Reader, Section } from "../../web/page.tsx"
import type { SectionName } from "./sections.ts"

export type PageContext = Context<{ Bindings: Env }>

export interface SignedInUser extends Reader {
  /** Issuer and subject, joined by `|`. */
  readonly user: string
  /** The roles that operators.yaml gives them; empty for a user who only answers approvals. */
  readonly roles: readonly Role[]
}

/** An answer of the API. */
export interface ApiResponse {
  readonly status: number
  /** JSON. */
  readonly body: unknown
}

/** Whether they have any role, and so may read what operators read. */
export const isOperator = ({ roles }: SignedInUser): boolean => roles.length > 0
/** Whether to offer them what only operators may change. The API decides it. */
export const mayStop = ({ roles }: SignedInUser): boolean => hasRole(roles, "operator")

/** The least role of operators.yaml that is required; `everybody`: any user who has signed in. */
export type Readers = "everybody" | Role

export function mayOpen({ roles }: SignedInUser, readers: Readers): boolean {
  return readers === "everybody" || hasRole(roles, readers)
}

/** Stands in for the description of an answer that has none. */
export const NO_REASON_GIVEN = "The API gave no reason."

/** The `error_description` of an answer; null if it has none. */
export function descriptionOf({ body }: ApiResponse): string | null {
  const description = isObject(body) ? body["error_description"] : null
  return typeof description === "string" ? description : null
}

export interface PageRequest {
  readonly c: PageContext
  /** The section that the page belongs to. */
  readonly section: SectionName
  /** The sections that the reader may open. */
  readonly sections: readonly Section[]
  readonly reader: SignedInUser
  readonly context: RequestContext
  /** @param path with its query, such as `/v1/tasks/…` */
  readonly callApi: (method: "GET" | "POST" | "DELETE", path: string, body?: unknown) => Promise<ApiResponse>
}
