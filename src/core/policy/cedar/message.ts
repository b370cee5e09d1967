/**
 * `@message("…")` on a `forbid`: a sentence for the agent whose call the rule denies, as its author wrote it. It is the
 * one part of a rule that a caller sees.
 */
import { hasUnseen } from "../../encoding/display-text.ts"
import type { Engine } from "./engine.ts"

/** UTF-16 units of one message. */
export const MAX_MESSAGE = 300
/** Of all messages of a denial, so that many rules do not make a long answer. */
const MAX_MESSAGES = 1_000

/** Clients print it into terminals, chats and prompts: no controls, line breaks, or characters that hide or reverse. */
export function isMessage(text: string): boolean {
  return text.length > 0 && text.length <= MAX_MESSAGE && text.trim() === text && !hasUnseen(text)
}

/** The messages of the rules, each once, as many whole ones as fit. Undefined if there are none. */
export function messageOf(engine: Engine, rules: readonly string[]): string | undefined {
  const messages = new Set(rules.flatMap((id) => engine.rule(id)?.message ?? []))
  let text = ""
  for (const message of messages) {
    const longer = text === "" ? message : `${text} ${message}`
    if (longer.length <= MAX_MESSAGES) text = longer
  }
  return text === "" ? undefined : text
}
