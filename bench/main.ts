/** `npm run bench`: runs the benchmarks and says which targets are met. README.md says what may be concluded. */
import { parseArgs } from "node:util"
import { guard, GuardTripped, type Benchmark } from "./benchmark.ts"
import { BENCHMARKS } from "./benchmarks.ts"
import { Lab, PACES } from "./lab.ts"
import { asJson, asTable, isMeasured, isMet, type Result } from "./report.ts"

const USAGE = `npm run bench -- [--quick] [--json] [--only NAME]...

  --quick      all within some five minutes, less exact
  --json       an array of {name, value, unit, target, met} on standard output
  --only NAME  this one; may be repeated
${BENCHMARKS.map(({ name, question }) => `\n  ${name.padEnd(26)}${question}`).join("")}
`

/** Exit codes. Node's own is 1: a crash is no missed target. */
const ALL_MET = 0
const NOT_MEASURED = 2
const MISSED = 3

// So that what was started is ended too: see `startProcess`.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))
process.exitCode = await main()

async function main(): Promise<number> {
  const options = readOptions()
  if (!options) return NOT_MEASURED
  const { json, quick, chosen } = options
  const say = process.stderr.isTTY ? (what: string) => process.stderr.write(`\r\x1b[K${what}`) : () => undefined
  const results: Result[] = []
  let failed = false
  await using lab = await Lab.open(quick ? PACES.quick : PACES.full, say)
  for (const benchmark of chosen) {
    lab.say(benchmark.name)
    const missing = benchmark.missing?.() ?? null
    if (missing !== null) {
      console.error(`${benchmark.name}: skipped, ${missing}`)
      continue
    }
    try {
      const result = { benchmark, ...(await benchmark.run(lab)) }
      guard(isMeasured(result), "its figures are none")
      results.push(result)
      lab.say("")
      if (!json) console.log(asTable([result]))
    } catch (error) {
      lab.say("")
      failed = true
      console.error(`${benchmark.name}: ${explain(error)}`)
    }
  }
  if (json) console.log(asJson(results))
  if (failed) return NOT_MEASURED
  return results.some((result) => isMet(result) === false) ? MISSED : ALL_MET
}

function readOptions(): { json: boolean; quick: boolean; chosen: readonly Benchmark[] } | null {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        only: { type: "string", multiple: true, default: [] },
        help: { type: "boolean", default: false },
      },
    })
    const unknown = values.only.find((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name))
    if (unknown !== undefined) throw new Error(`there is no benchmark ${unknown}`)
    if (values.help) throw new Error("the benchmarks of Narrowgate")
    const chosen = BENCHMARKS.filter(({ name }) => values.only.length === 0 || values.only.includes(name))
    return { json: values.json, quick: values.quick, chosen }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return null
  }
}

/** A guard's word is enough; anything else is a defect and wants its stack. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error instanceof GuardTripped || error.stack === undefined ? error.message : error.stack
}
