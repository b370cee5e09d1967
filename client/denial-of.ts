import type { Denial } from "./denial.ts"

/**
 * Finds the denial in whatever a client made of it: a `Response` (whose body can still be read), a tool's result, an
 * error, JSON or text. Undefined: there is none. Never throws.
 */
export declare function denialOf(outcome: unknown): Promise<Denial | undefined>
