/** The only script of our pages, served as a file: the text of `follow`, as it was built into the Worker. */
import { follow } from "./follow.js"

export const LIVE_SCRIPT_PATH = "/console/live.js"

export const LIVE_SCRIPT = `"use strict";\n(${follow.toString()})();\n`
