/** Colour for a person at a terminal, plain text for everything else, a CI log included. */
import { isatty } from "node:tty"
import picocolors from "picocolors"

const wanted = isatty(1) && process.env["NO_COLOR"] === undefined

export const colors = picocolors.createColors(wanted)
