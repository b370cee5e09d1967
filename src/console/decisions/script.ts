/** The one script of our pages, served as a file: what `follow` is, by its own text, as the Worker was built with it. */
import { follow } from "./follow.js"

export const LIVE_SCRIPT_PATH = "/console/live.js"

export const LIVE_SCRIPT = `"use strict";\n(${follow.toString()})();\n`
