/** Who appears in the scenarios. */
import type { Person } from "../world.ts"

/** Of support. */
export const ANN: Person = { subject: "ann", groups: ["support"] }

/** Of support, too: whose honest work takes nothing of what Ann may still do. */
export const AMY: Person = { subject: "amy", groups: ["support"] }

/** Manages this Narrowgate, and approves (policies/operators.yaml and approvers.yaml). */
export const OLIVIA: Person = { subject: "olivia", groups: ["operations"] }

/** May look, and manage nothing. */
export const VICTOR: Person = { subject: "victor" }
