/** What a check has found: one line for a person, and below it what to do. */
import type { Failure } from "../terminal/failure.ts"

export type Level = "ok" | "warn" | "problem" | "skipped"

export interface Finding {
  readonly level: Level
  /** Which of several: the id of an issuer, a gateway, or a port. */
  readonly about?: string
  /** May contain what others have written: the renderer escapes it. */
  readonly text: string
  readonly fix?: string
}

export const ok = (text: string): Finding => ({ level: "ok", text })
export const warn = (text: string, fix: string): Finding => ({ level: "warn", text, fix })
export const problem = (text: string, fix: string): Finding => ({ level: "problem", text, fix })
export const skipped = (why: string): Finding => ({ level: "skipped", text: why })

export const failed = ({ message, fix }: Failure): Finding => problem(message, fix)

export const about = (name: string, finding: Finding): Finding => ({ ...finding, about: name })
