/** An event stream as text → the data of its messages (WHATWG HTML 9.2.6): what a server says besides is left aside. */
export async function* messagesIn(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let line: string[] = []
  let data: string[] = []
  let type = ""
  let held = ""
  for await (const chunk of texts) {
    // Half of a line end is not the end of a line.
    const text = held + chunk
    held = text.endsWith("\r") ? "\r" : ""
    const [first = "", ...others] = text.slice(0, text.length - held.length).split(/\r\n|\n|\r/)
    line.push(first)
    for (const next of others) {
      const ended = line.join("")
      line = [next]
      if (ended.startsWith("data:")) data.push(valueIn(ended))
      if (ended.startsWith("event:")) type = valueIn(ended)
      if (ended !== "") continue
      if (data.length > 0 && (type === "" || type === "message")) yield data.join("\n")
      data = []
      type = ""
    }
  }
}

function valueIn(field: string): string {
  const value = field.slice(field.indexOf(":") + 1)
  return value.startsWith(" ") ? value.slice(1) : value
}
