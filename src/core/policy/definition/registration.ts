/** `registration` of `agents.yaml`: the class of the clients that register themselves (RFC 7591). */
import type { GrantDefinition } from "./grant.ts"

/** All clients of the class are agents with this owner, these groups and this ceiling. */
export interface RegistrationDefinition {
  /** Its name, which is a part of each client's id. */
  readonly class: string
  readonly owner: string
  readonly groups: readonly string[]
  readonly ceiling: GrantDefinition
  /** Purposes by name; the first is the default. */
  readonly purposes: readonly string[]
  /** Audiences that tokens of the clients may be for. Absent: any gateway's. */
  readonly audiences?: readonly string[]
  /** Life of a registration, seconds. */
  readonly life: number
  /** The most registrations in any minute. */
  readonly per_minute: number
  /** The most registrations in any 24 hours. */
  readonly per_day: number
  /** The most registrations that may be live at once. */
  readonly most: number
}
