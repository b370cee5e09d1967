/**
 * Untrusted text on a terminal: characters that would control the terminal, hide in it or change the order of its
 * characters are spelled out.
 */
import { UNSEEN } from "../../src/core/encoding/display-text.ts"

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** One line, whatever `text` is. @param most longest result, in characters */
export function escaped(text: string, most = 2_000): string {
  const visible = text.slice(0, most).replaceAll(UNSEEN, (character) => SHORT[character] ?? spelled(character))
  return text.length > most ? `${visible}… (${text.length - most} more characters)` : visible
}

/** The same for each line. */
export function escapedLines(text: string): string {
  return text
    .split("\n")
    .map((line) => escaped(line, Infinity))
    .join("\n")
}

/** A line of a file, whose tabs stay, so that what stands below it lines up. */
export function escapedSource(line: string): string {
  return line
    .split("\t")
    .map((part) => escaped(part, Infinity))
    .join("\t")
}

/**
 * JSON of the same value that is safe on a terminal. It contains what callers of a Worker wrote, and `JSON.stringify`
 * leaves control characters above U+007E, bidirectional and invisible characters as they are.
 * @param indent 0: on one line
 */
export function jsonText(value: unknown, indent = 2): string {
  // Within strings `JSON.stringify` has escaped them already; the remaining ones are between lines.
  return JSON.stringify(value, null, indent).replaceAll(UNSEEN, (found) => (found === "\n" ? found : inUnits(found)))
}

/**
 * The same text, with every character escaped that would control a terminal, hide in it or change the order of its
 * characters.
 */
export function printableText(text: string): string {
  return text.replaceAll(UNSEEN, "\u{fffd}")
}

/** Code units as JSON escapes them (RFC 8259, section 7). */
function inUnits(text: string): string {
  return text
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("")
}

function spelled(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`
}
