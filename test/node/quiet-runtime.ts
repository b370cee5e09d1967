import { stripVTControlCharacters } from "node:util"

/**
 * What the runtime prints of failures that tests provoke. The runner's plugin writes it to the streams of this process
 * and has no setting to leave it out. Everything else that the runtime prints is shown.
 */
const ON_PURPOSE = [
  // Objects that a test takes down.
  "Application called abortAllDurableObjects()",
  "Application called deleteAllDurableObjects()",
  // Errors that a test throws in place of a part say so: `new Error("out of reach, by a test")`.
  "by a test",
  // A receiver's object whose tables a test takes away (flow/notifications, notifications/attacks).
  "no such table: dead",
  "no such table: waiting",
  // A rule that the evaluator does not know (flow/bundle-store).
  "a malformed effect is not supported at the edge",
  // Names and targets in UTF-8 are attacks; the runtime remarks that browsers would not send such a header.
  "contains non-ASCII characters",
  // A server of tests that accepts no connection, or closes one: the Worker's answer is asserted (probe, gateway).
  "disconnected: Connection refused",
  "Network connection lost.",
  // The native stack of such an error, which comes by itself and names no function.
  "stack: /",
  // An alarm that rings late because the machine is busy.
  "NOSENTRY SQLite alarm overdue",
]

/** What the runner says of a test that has failed: it may quote what the runtime says. */
const OF_A_FAILURE = /^\s*\w*Error\b/u

export function setup(): () => void {
  const restore = [process.stdout, process.stderr].map((stream) => {
    const write = stream.write.bind(stream)
    stream.write = (chunk: string | Uint8Array, ...rest: readonly never[]): boolean =>
      typeof chunk === "string" &&
      !OF_A_FAILURE.test(stripVTControlCharacters(chunk)) &&
      ON_PURPOSE.some((text) => chunk.includes(text))
        ? true
        : write(chunk, ...rest)
    return () => {
      stream.write = write
    }
  })
  return () => {
    for (const each of restore) each()
  }
}
