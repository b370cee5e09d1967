/**
 * V8 compiles a function of WebAssembly again, optimised, once it has run for some ten milliseconds. Of the official
 * engine those are many, and compiling them takes longer than most compilations last. So that begins later; a directory
 * of a thousand rules takes as long either way. To be loaded before the engine, whose functions are counted from then on.
 */
import { setFlagsFromString } from "node:v8"

/** V8's own measure, about the bytes that a function has executed; its default is 13 million. */
const TIERING_BUDGET = 500_000_000

setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`)
