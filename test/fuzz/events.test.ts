/** Event streams of servers that nobody trusts, against the algorithm of the standard (WHATWG HTML 9.2.6). */
import { describe, expect, test } from "vitest"
import { messagesIn } from "../../src/core/encoding/event-stream.ts"
import { FUZZ_TIMEOUT, fuzz } from "./fuzz.ts"

/** The data of messages, line by line as the standard says, of the whole text at once. */
function reference(text: string): readonly string[] {
  const messages: string[] = []
  let [data, type] = [null as string | null, ""]
  const lines = text.split(/\r\n|\n|\r/)
  // What no line end follows is no line yet.
  for (const line of lines.slice(0, -1)) {
    if (line === "") {
      if (data !== null && (type === "" || type === "message")) messages.push(data)
      ;[data, type] = [null, ""]
      continue
    }
    const [, field = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === "data") data = data === null ? value : `${data}\n${value}`
    if (field === "event") type = value
  }
  return messages
}

async function* inPieces(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}

describe("an event stream", () => {
  test(
    "has the messages that clients find in it, wherever the network cuts it",
    async () => {
      await fuzz({
        parser: "events",
        seeds: [
          'event: message\ndata: {"jsonrpc":"2.0",\ndata: "id":1}\n\n: kept alive\n\ndata: {}\nid: 7\n\n',
          "data: a\r\n\r\nevent: other\r\ndata: b\r\n\r\ndata: c\r\n\r\n",
          "data:x\rdata\rdata: y\r\rretry: 5\r\r",
        ],
        words: [
          "data",
          "data:",
          "data: ",
          "event",
          "event:",
          "event: message",
          "event: x",
          ":",
          "\r",
          "\r\r",
          "\n\n",
          "\r\n\r\n",
          "id:",
        ],
        runs: 1_500,
        async check(text) {
          const expected = reference(text)
          for (const size of [1, 2, 7, Math.max(1, text.length)]) {
            const read = await Array.fromAsync(messagesIn(inPieces(text, size)))
            expect(read, `in pieces of ${size}`).toEqual(expected)
            expect(read.join("").length).toBeLessThanOrEqual(text.length)
          }
          return expected.length > 0
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})
