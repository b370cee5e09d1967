/**
 * Reads an event stream as text and yields the data of its messages (WHATWG HTML, section 9.2.6); everything else is
 * ignored. Each field is read as clients read it, including those without a colon: otherwise a server could hide from
 * the probe a list that its clients see.
 */
export async function* messagesIn(texts: AsyncIterable<string>): AsyncGenerator<string> {
  const event = new EventBuffer()
  let line: string[] = []
  let carried = ""
  for await (const chunk of texts) {
    // Half of a line end does not end the line.
    const text = carried + chunk
    carried = text.endsWith("\r") ? "\r" : ""
    const [first = "", ...others] = text.slice(0, text.length - carried.length).split(/\r\n|\n|\r/)
    line.push(first)
    for (const next of others) {
      const message = event.take(line.join(""))
      line = [next]
      if (message !== null) yield message
    }
  }
  // No line feed can follow any more: the carriage return was a whole line end.
  const last = carried === "" ? null : event.take(line.join(""))
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
