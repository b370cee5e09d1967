/** At most this much: the shape of every grant (ceiling, purpose, default). */
import type { ArgumentBounds } from "../../catalog/bounds.ts"
import type { Sensitivity } from "../../catalog/tool.ts"

export interface GrantDefinition {
  /** Scopes, `<pattern>:<action>`. */
  readonly tools: readonly string[]
  readonly max_sensitivity: Sensitivity
  readonly arguments: ArgumentBounds
  /** Environments of gateways where it holds; absent: all. */
  readonly environments?: readonly string[]
  /** Calls the task may make in all; absent: unlimited. */
  readonly calls?: number
}
