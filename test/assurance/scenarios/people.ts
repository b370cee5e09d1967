/** Who appears in the scenarios. */
import type { Person } from "../world.ts"

/** Of support. */
export const ANN: Person = { subject: "ann", groups: ["support"] }
