/** `bounds` of `catalog.yaml`: what rules read of a call's arguments and Cedar cannot compute. */
import type { ArgumentBounds } from "../../catalog/bounds/definition.ts"

export interface NamedBoundsDefinition {
  /** A rule reads `context.bounds.<name>`. */
  readonly name: string
  readonly arguments: ArgumentBounds
}
