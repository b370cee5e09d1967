/** The log: one line of JSON for each event, on standard output, of this process and of workerd alike. */
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"

export type LogFields = Readonly<Record<string, string | number | null>>

export function log(event: string, fields: LogFields = {}): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), event, ...fields })}\n`)
}

/** Each line that the Worker or workerd writes: an event as it is, anything else as the text of one. */
export function logLinesOf(stream: Readable, onText: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
    const event = eventIn(line)
    if (event) process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`)
    else if (line.trim() !== "") {
      onText(line)
      log("runtime", { text: line })
    }
  })
}

function eventIn(line: string): object | null {
  if (!line.startsWith("{")) return null
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === "object" && value !== null && "event" in value ? value : null
  } catch {
    return null
  }
}
