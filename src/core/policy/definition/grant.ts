/** The shape of every grant (ceiling, purpose, default): the most that it allows. */
import type { BoundsDefinition } from "../../catalog/bounds/definition.ts"
import type { Sensitivity } from "../../catalog/tool.ts"

export interface GrantDefinition extends BoundsDefinition {
  /** Scopes, `<pattern>:<action>`. */
  readonly tools: readonly string[]
  readonly max_sensitivity: Sensitivity
  /** Environments of gateways in which it applies. Absent: all. */
  readonly environments?: readonly string[]
  /** Calls that the task may make in all. Absent: unlimited. */
  readonly calls?: number
}
