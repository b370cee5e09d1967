/**
 * Lines of JSON: each record as it is stored, with its log, index and salt; each checkpoint as a line with `"type": "checkpoint"`.
 * `narrowgate decisions` reads and verifies such files.
 */
import type { Format } from "./format.ts"

export const RECORDS: Format = {
  contentType: "application/x-ndjson",
  extension: "ndjson",
  write: ({ log, records, checkpoints }) =>
    [
      ...records.map(
        ({ index, salt, body }) =>
          `${body.slice(0, -1)},"log":${JSON.stringify(log)},"index":${index},"salt":${JSON.stringify(salt)}}`,
      ),
      ...checkpoints.map(({ size, at, note }) => JSON.stringify({ type: "checkpoint", log, size, at, note })),
    ]
      .map((line) => `${line}\n`)
      .join(""),
}
