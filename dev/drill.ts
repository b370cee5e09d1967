/** `npm run drill`: lists the drills, or performs one. Exits 0 only if each step had its effect. */
import { colors } from "../cli/terminal/colors.ts"
import { DRILLS } from "../drills/table.ts"
import { type Drill, NotAsExpected, type Report } from "./drill/drill.ts"

const REPORT: Report = {
  began: (number, title) => console.log(`${String(number).padStart(2)}  ${title}`),
  printed: (output) => {
    if (output !== "") console.log(colors.dim(output.replaceAll(/^/gm, "      ")))
  },
  saw: (what) => console.log(`    ${colors.green("ok")}  ${what}`),
}

// A reader that stops early, such as `head`, must not keep the drill from cleaning up.
process.stdout.on("error", () => undefined)

const [, , name, ...rest] = process.argv
const chosen = DRILLS.find((drill) => drill.name === name)
if (name === undefined) list()
else if (!chosen || rest.length > 0) {
  console.error(`${colors.red("error:")} there is no drill ${[name, ...rest].join(" ")}`)
  console.error(`  ${colors.cyan("fix:")} Run \`npm run drill\`, which lists them.`)
  process.exitCode = 2
} else process.exitCode = await perform(chosen)

function list(): void {
  const width = Math.max(...DRILLS.map((drill) => drill.name.length))
  for (const drill of DRILLS) console.log(`${drill.name.padEnd(width)}  ${drill.practises}`)
  console.log("\nnpm run drill -- NAME performs one, on a local stack of its own.")
}

async function perform({ name, practises, runbook, perform }: Drill): Promise<number> {
  const began = performance.now()
  console.log(`${name}: ${practises}\nRunbook: docs/operate/runbooks.md#${runbook}\n`)
  try {
    const steps = await perform(REPORT)
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    console.log(`\n${colors.green("ok")}  ${steps} steps, and each had its effect.  ${seconds} s`)
    return 0
  } catch (error) {
    if (!(error instanceof NotAsExpected)) throw error
    console.error(`    ${colors.red("failed")}  ${error.message}`)
    console.error(
      `  ${colors.cyan("fix:")} Compare the step with docs/operate/runbooks.md#${runbook}: one of them is wrong.`,
    )
    return 1
  }
}
