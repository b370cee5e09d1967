/**
 * What a reviewer waits for: 10,000 recorded decisions, from their file to the summary, decided again by 1,000 rules over
 * 5,000 tools. It has no second side; ten seconds are what somebody waits without turning to something else.
 */
import { writeFile } from "node:fs/promises"
import { UNKNOWN_CLIENT } from "../../src/core/decision/client.ts"
import { recordDecision } from "../../src/core/record/call-record.ts"
import { recordsInFiles } from "../../cli/records/read-files.ts"
import { reviewRecords } from "../../cli/diff/records.ts"
import { compilePolicies } from "../../cli/compiler/compile.ts"
import { withTables } from "../../cli/decision-tables/read.ts"
import { runCases } from "../../cli/decision-tables/suite.ts"
import type { ShownRecord } from "../../cli/remote/decision-record.ts"
import { guard, type Benchmark } from "../benchmark.ts"
import { writeManyCases } from "../many-cases.ts"

const SIZE = { rules: 1_000, tools: 5_000, cases: 1_000 }
const RECORDS = 10_000
const PATIENCE_MS = 10_000
/** Each takes seconds. */
const ROUNDS = 3

export const diffRecords: Benchmark = {
  name: "diff-records",
  question: "10 s against 10,000 recorded decisions, decided again by 1,000 rules over 5,000 tools",
  unit: "ratio",
  target: 1,
  run: async (lab) => {
    const directory = lab.place("policies")
    await writeManyCases(directory, SIZE)
    const file = lab.place("records.jsonl")
    await writeRecords(directory, file)
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now()
      await reviewAll(directory, file)
      times.push(performance.now() - start)
    }
    const [least = 0, median = 0, most = 0] = times.toSorted((a, b) => a - b)
    const rate = { median: 1000 / median, least: 1000 / most, most: 1000 / least }
    return { value: PATIENCE_MS / median, sides: [{ name: "narrowgate diff", rate, p50: median }] }
  },
}

const idOf = (index: number): string => `dec_${String(index).padStart(6, "0")}`

/** As the ledger records what the directory's own tests ask. */
async function writeRecords(directory: string, file: string): Promise<void> {
  const { bundle, cases } = withTables(await compilePolicies(directory))
  guard(bundle !== null, "the directory checks")
  if (!bundle) return
  const recorded = runCases(bundle, cases, null).outcomes.flatMap(({ result }, index) => {
    if (result.kind !== "decided" || result.tool === null) return []
    const call = {
      decisionId: idOf(index),
      task: `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`,
      token: "token",
      proof: null,
      tool: result.tool,
    }
    const where = {
      gateway: "edge",
      environment: "bench",
      client: UNKNOWN_CLIENT,
      mode: "enforce",
      retry: null,
      method: "GET",
      path: "/",
    } as const
    const args = { complete: true, values: { item: "1" } } as const
    const ask = {
      ...call,
      ...where,
      arguments: args,
      segments: [],
      size: 0,
      tokenHash: "0",
      recordKey: null,
      receivedAt: 0,
    }
    const { denial, evidence } = result
    const place = { life: 1, number: index + 1 }
    return [recordDecision(bundle, ask, { denial, evidence, retryOf: null }, null, place, 0)]
  })
  // Each is a record of its own: one that is there again would be left out.
  const lines = Array.from({ length: RECORDS }, (_, index) =>
    JSON.stringify({ ...recorded[index % recorded.length], id: idOf(index) }),
  )
  await writeFile(file, lines.join("\n"))
}

async function reviewAll(directory: string, file: string): Promise<void> {
  const { bundle } = await compilePolicies(directory)
  const records: ShownRecord[] = []
  for await (const record of recordsInFiles([file])) records.push(record)
  guard(bundle !== null && records.length === RECORDS, "all records are read")
  if (!bundle) return
  const { same, flipped } = await reviewRecords(records, bundle)
  guard(same === RECORDS && flipped === 0, "every one is decided again as it was")
}
