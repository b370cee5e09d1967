/** Who appears in the scenarios. */
import type { Person } from "../world.ts"

/** Of support. */
export const ANN: Person = { subject: "ann", groups: ["support"] }
/** Of support, too: for the legitimate work if what is counted for one person would stop the attack. */
export const AMY: Person = { subject: "amy", groups: ["support"] }
/** Of support and of operations, who approve refunds. */
export const OTTO: Person = { subject: "otto", groups: ["support", "operations"] }
/** An intern, whom no rule permits anything. */
export const IDA: Person = { subject: "ida", groups: ["interns"] }
/** An engineer. */
export const EVE: Person = { subject: "eve", groups: ["engineering"] }
/** Another one, for the legitimate work. */
export const EMMA: Person = { subject: "emma", groups: ["engineering"] }
/** Manages Narrowgate. */
export const OLIVIA: Person = { subject: "olivia", groups: ["operations"] }
/** May look at Narrowgate, and manage nothing. */
export const VICTOR: Person = { subject: "victor" }
