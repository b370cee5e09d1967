/** The shape of every grant (ceiling, purpose, default): the most that it allows. */
import type { ArgumentBounds } from "../../catalog/bounds.ts"
import type { Sensitivity } from "../../catalog/tool.ts"

export interface GrantDefinition {
  /** Scopes, `<pattern>:<action>`. */
  readonly tools: readonly string[]
  readonly max_sensitivity: Sensitivity
  readonly arguments: ArgumentBounds
  /** Environments of gateways in which it applies. Absent: all. */
  readonly environments?: readonly string[]
  /** Calls that the task may make in all. Absent: unlimited. */
  readonly calls?: number
}
