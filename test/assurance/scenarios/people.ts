/** Who appears in the scenarios. */
import type { Person } from "../world.ts"

/** Of support. */
export const ANN: Person = { subject: "ann", groups: ["support"] }
/** Of support, too: does the honest work where what is counted for one person would stand in the way. */
export const AMY: Person = { subject: "amy", groups: ["support"] }
/** Of support and of operations, who approve refunds. */
export const OTTO: Person = { subject: "otto", groups: ["support", "operations"] }
/** Learns, and may do nothing yet. */
export const IDA: Person = { subject: "ida", groups: ["interns"] }
/** An engineer. */
export const EVE: Person = { subject: "eve", groups: ["engineering"] }
/** Manages Narrowgate. */
export const OLIVIA: Person = { subject: "olivia", groups: ["operations"] }
/** May look at Narrowgate, and manage nothing. */
export const VICTOR: Person = { subject: "victor" }
