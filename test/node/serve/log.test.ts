/** The log of `narrowgate serve`: one line for each event, whatever an event says. */
import { Readable } from "node:stream"
import { finished } from "node:stream/promises"
import { setImmediate as turn } from "node:timers/promises"
import { expect, test, vi } from "vitest"
import { logLinesOf } from "../../../serve/log.ts"

/** What is logged of what the Worker writes, in these pieces. */
async function logged(...pieces: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const written: string[] = []
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0)
  try {
    const stream = Readable.from(pieces.map((piece) => Buffer.from(piece, "latin1")))
    logLinesOf(stream, () => undefined)
    await finished(stream)
    await turn()
  } finally {
    spy.mockRestore()
  }
  return written.map((line) => JSON.parse(line))
}

/** As UTF-8, of which each piece is some bytes. */
const bytes = (text: string): string => Buffer.from(text).toString("latin1")
const at = expect.stringMatching(/^\d{4}-/)

test("no character of an event but the end of a line ends it", async () => {
  const line = { event: "probe_failed", reason: "one\u2028two\u2029three\u0085four\rfive" }
  expect(await logged(bytes(`${JSON.stringify(line)}\n`))).toEqual([{ at, ...line }])
})

test("an event may come in pieces, between bytes of one character, and without an end", async () => {
  const text = bytes(`{"event":"a","reason":"ü"}\r\nplain\n\n{"event":"b"}`)
  expect(await logged(...text.split(""))).toEqual([
    { at, event: "a", reason: "ü" },
    { at, event: "runtime", text: "plain" },
    { at, event: "b" },
  ])
})

test("the time is when it was logged, whatever an event has of that name", async () => {
  const [line] = await logged('{"event":"restored","at":1}\n')
  expect(line).toEqual({ at, event: "restored" })
})
