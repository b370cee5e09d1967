/** Colour for a person at a terminal, plain text for everything else, a CI log included, unless the environment forces it. */
import { isatty } from "node:tty"
import picocolors from "picocolors"

const { NO_COLOR, FORCE_COLOR } = process.env
const wanted = NO_COLOR === undefined && (isatty(1) || (FORCE_COLOR !== undefined && FORCE_COLOR !== "0"))

export const colors = picocolors.createColors(wanted)
