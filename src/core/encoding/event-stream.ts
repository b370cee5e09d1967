/**
 * An event stream as text → the data of its messages (WHATWG HTML 9.2.6): what a server says besides is left aside. Each
 * field is read as clients read it, those without a colon among them: otherwise a server could hide a list from the
 * probe that its clients are shown.
 */
export async function* messagesIn(texts: AsyncIterable<string>): AsyncGenerator<string> {
  const event = new EventBuffer()
  let line: string[] = []
  let held = ""
  for await (const chunk of texts) {
    // Half of a line end is not the end of a line.
    const text = held + chunk
    held = text.endsWith("\r") ? "\r" : ""
    const [first = "", ...others] = text.slice(0, text.length - held.length).split(/\r\n|\n|\r/)
    line.push(first)
    for (const next of others) {
      const message = event.take(line.join(""))
      line = [next]
      if (message !== null) yield message
    }
  }
  // No line feed can follow any more: the carriage return was a whole line end.
  const last = held === "" ? null : event.take(line.join(""))
  if (last !== null) yield last
}

/** The event that is being read, line by line. */
class EventBuffer {
  #data: string[] = []
  #type = ""

  /** @returns the message that ends with this line; null: none does */
  take(line: string): string | null {
    if (line !== "") {
      const [, field, value = ""] = FIELD.exec(line) ?? []
      if (field === "data") this.#data.push(value)
      if (field === "event") this.#type = value
      return null
    }
    const isMessage = this.#data.length > 0 && (this.#type === "" || this.#type === "message")
    const message = isMessage ? this.#data.join("\n") : null
    this.#data = []
    this.#type = ""
    return message
  }
}

/** A line without a colon is a field with an empty value. */
const FIELD = /^(data|event)(?:: ?([^]*))?$/
