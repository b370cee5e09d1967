/** `npm run capacity -- [FILE]...`: what a scenario takes and costs, and which limit it meets first. */
import { mkdir, writeFile } from "node:fs/promises"
import { basename, extname, join } from "node:path"
import { parseArgs } from "node:util"
import { EXIT, Failure } from "../../cli/terminal/failure.ts"
import { colors } from "../../cli/terminal/colors.ts"
import { escaped } from "../../cli/terminal/escape.ts"
import { Lab, PACES } from "../lab.ts"
import { check, isWithinError, SEED } from "./check.ts"
import { costsTable } from "./costs-table.ts"
import { predict } from "./model.ts"
import { picturesOf } from "./pictures.ts"
import { asJson, asText, comparisonsText } from "./report.ts"
import { loadScenario } from "./scenario.ts"

const SCENARIOS = join(import.meta.dirname, "scenarios")
const USAGE = `npm run capacity -- [FILE]... [--json] [--svg DIR]
npm run capacity -- --check [--seed N]

  FILE       scenarios; without one, bench/capacity/scenarios/company.yaml
  --json     all figures of a scenario as one JSON object
  --svg DIR  also writes two pictures of each: cost over calls a day, and use of limits over calls a second
  --check    makes some thousand calls on the real Worker, and prints what was predicted and what was counted
  --seed N   other calls of the check: a whole number; without it, ${SEED}

Exit code 1: a limit of a scenario is exceeded, or the check has differed too much. 2: a scenario cannot be read, or pictures cannot be written.
`

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof Failure)) throw error
  console.error(`${colors.red("✗")} ${escaped(error.message)}\n${colors.cyan("fix:")} ${escaped(error.fix)}`)
  process.exitCode = error.exitCode
}

async function main(): Promise<number> {
  const { values, positionals } = options()
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  if (values.check) {
    if (positionals.length > 0 || values.json || values.svg !== undefined)
      throw new Failure(
        "--check has calls of its own: no FILE, --json or --svg.",
        "See npm run capacity -- --help",
        EXIT.usage,
      )
    return checkNow(seedIn(values.seed))
  }
  if (values.seed !== undefined)
    throw new Failure("--seed is for --check.", "The seed of a scenario is its member `seed`.", EXIT.usage)
  const table = costsTable()
  let isExceeded = false
  for (const file of positionals.length > 0 ? positionals : [join(SCENARIOS, "company.yaml")]) {
    const scenario = await loadScenario(file)
    if (values.svg !== undefined)
      await writePictures(values.svg, basename(file, extname(file)), picturesOf(scenario, table))
    const prediction = predict(scenario, table)
    console.log(values.json ? asJson(prediction) : asText(prediction))
    isExceeded ||= prediction.limits.some(({ used }) => used >= 1)
  }
  return isExceeded ? EXIT.refused : EXIT.ok
}

async function writePictures(directory: string, name: string, pictures: ReturnType<typeof picturesOf>): Promise<void> {
  try {
    await mkdir(directory, { recursive: true })
    for (const [what, picture] of Object.entries(pictures))
      await writeFile(join(directory, `${name}-${what}.svg`), picture)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Failure(`The pictures cannot be written: ${reason}`, "Name a directory: --svg DIR", EXIT.usage)
  }
}

function seedIn(text = String(SEED)): number {
  if (!/^\d{1,9}$/.test(text))
    throw new Failure(`--seed cannot be ${text}.`, "Write a whole number of at most nine digits.", EXIT.usage)
  return Number(text)
}

async function checkNow(seed: number): Promise<number> {
  // An exit, unlike a signal, ends the processes that were started.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))
  const say = process.stderr.isTTY ? (what: string) => process.stderr.write(`\r\x1b[K${what}`) : () => undefined
  await using lab = await Lab.open(PACES.quick, say)
  const comparisons = await check(lab, seed)
  say("")
  console.log(comparisonsText(comparisons))
  return isWithinError(comparisons) ? EXIT.ok : EXIT.refused
}

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        svg: { type: "string" },
        check: { type: "boolean", default: false },
        seed: { type: "string" },
        help: { type: "boolean", default: false },
      },
    })
  } catch (error) {
    throw new Failure(
      error instanceof Error ? error.message : String(error),
      "See npm run capacity -- --help",
      EXIT.usage,
    )
  }
}
