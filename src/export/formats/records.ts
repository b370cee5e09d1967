/**
 * Lines of JSON: each record as it is stored, with its log, index and salt; each checkpoint as `{"checkpoint": …}`.
 * `narrowgate decisions` reads and verifies such files.
 */
import { NDJSON } from "../../core/encoding/ndjson.ts"
import { checkpointLine, recordLine } from "../../core/proof/export-lines.ts"
import type { Format } from "./format.ts"

export const RECORDS: Format = {
  contentType: NDJSON,
  extension: "ndjson",
  write: ({ log, records, checkpoints }) =>
    [
      ...records.map((record) => recordLine({ log, ...record })),
      ...checkpoints.map((checkpoint) => checkpointLine({ log, ...checkpoint })),
    ].join(""),
}
