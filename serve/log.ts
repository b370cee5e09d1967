/** The log: one line of JSON for each event, on standard output, of this process and of workerd alike. */
import type { Readable } from "node:stream"

export type LogFields = Readonly<Record<string, string | number | null>>

export function log(event: string, fields: LogFields = {}): void {
  write({ event, ...fields })
}

/** Nothing in an event says otherwise when it was. */
function write(event: object): void {
  const at = new Date().toISOString()
  process.stdout.write(`${JSON.stringify(Object.assign({ at }, event, { at }))}\n`)
}

/** Each line that the Worker or workerd writes: an event as it is, anything else as the text of one. */
export function logLinesOf(stream: Readable, onText: (line: string) => void): void {
  const take = (line: string): void => {
    const event = eventIn(line)
    if (event) write(event)
    else if (line.trim() !== "") {
      onText(line)
      log("runtime", { text: line })
    }
  }
  // Not by `node:readline`, for which U+2028 ends a line, too.
  let begun = ""
  stream.setEncoding("utf8").on("data", (text: string) => {
    const [end = "", ...lines] = text.split("\n")
    begun += end
    for (const line of lines) {
      take(begun)
      begun = line
    }
  })
  stream.on("end", () => take(begun))
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
