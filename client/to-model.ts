import type { Denial } from "./denial.ts"

/** One paragraph that a model can act on: what is denied, why, what helps, and when. */
export declare function toModel(denial: Denial): string
