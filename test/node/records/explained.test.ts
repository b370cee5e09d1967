/** `narrowgate explain ID --records FILE`. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { recordOf, storedForm } from "../../../src/core/record/record.ts"
import { run } from "../cli/run.ts"

test("of a decision's two records, the one that its ledger made is explained, as the Worker shows it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-records-test-"))
  const of = { id: "dec_1", at: 1, kind: "call" } as const
  const edge = recordOf({ ...of, decision: "deny", code: "unavailable" })
  const ledger = recordOf({ ...of, decision: "allow", code: "ok", life: 1, number: 1 })
  for (const records of [
    [edge, ledger],
    [ledger, edge],
  ]) {
    await writeFile(join(directory, "records.ndjson"), records.map((each) => `${storedForm(each).body}\n`).join(""))
    const { stdout } = await run(directory, ["explain", "dec_1", "--records", "records.ndjson"])
    expect(stdout).toMatch(/^dec_1 allowed/)
  }
  await rm(directory, { recursive: true })
})
