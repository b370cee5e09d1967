/** What an auditor waits for: the file of `export-records`, verified by the deployment's keys. A minute is the target. */
import { readFile } from "node:fs/promises"
import { checkExports } from "../../src/core/proof/check-export.ts"
import { nativeHash } from "../../cli/commands/record-export.ts"
import { linesIn } from "../../cli/records/lines.ts"
import { checkpointKeys, verifyEd25519 } from "../../cli/records/signatures.ts"
import { guard, type Benchmark } from "../benchmark.ts"
import { ISSUER } from "../servers/identities.ts"
import { FILLED_LOGS } from "../servers/filled.ts"
import { exported } from "./export-records.ts"

/** For a million. */
const PATIENCE_MS = 60_000
const MILLION = 1_000_000

export const verifyRecords: Benchmark = {
  name: "verify-records",
  question: "a minute for a million ÷ the time of `narrowgate decisions verify`",
  unit: "ratio",
  target: 1,
  run: async (lab) => {
    const { records, file, keys } = await exported(lab)
    const { keys: jwks } = JSON.parse(await readFile(keys, "utf8"))
    const began = performance.now()
    const checked = await checkExports(
      [{ name: file, lines: () => linesIn(file) }],
      { issuer: ISSUER, pinned: checkpointKeys(jwks), verify: verifyEd25519, only: FILLED_LOGS },
      nativeHash,
    )
    const milliseconds = performance.now() - began
    guard(checked.findings.length === 0, `it found ${checked.findings[0]?.what ?? ""}`)
    guard(checked.proven === records, `${checked.proven} of ${records} records are proven`)
    const rate = (records / milliseconds) * 1_000
    const side = { name: "narrowgate verify", rate: { median: rate, least: rate, most: rate } }
    return { value: (PATIENCE_MS / milliseconds) * (records / MILLION), sides: [{ ...side, p50: milliseconds }] }
  },
}
