/** `npm run demo`: the main job on real parts, one line a call. Exits 0 only if every decision is the expected one. */
import { resolve } from "node:path"
import { Command } from "commander"
import { colors } from "../cli/terminal/colors.ts"
import { startParts } from "./demo/parts.ts"
import { asJson, asRow, heading, observe, type Observation } from "./demo/show.ts"
import { tell } from "./demo/story.ts"

const { json = false } = new Command("demo")
  .description("Makes the calls of the README's story through real gateways, and shows each decision.")
  .option("--json", "one call a line, as JSON")
  .parse()
  .opts<{ readonly json?: boolean }>()
const parts = await startParts(resolve(import.meta.dirname, "..", "policies"))
const stop = async (): Promise<never> => {
  await parts.close()
  process.exit(130)
}
process.once("SIGINT", () => void stop())
process.once("SIGTERM", () => void stop())

const width = process.stdout.isTTY ? process.stdout.columns : undefined
const observations: Observation[] = []
try {
  if (!json) console.log(heading(width))
  for await (const scene of tell(parts)) {
    const observation = await observe(scene, parts)
    observations.push(observation)
    console.log(json ? asJson(observation) : asRow(observation, width))
  }
  const leaked = [...parts.desk.received(), ...parts.api.received()].filter(({ headers }) => "authorization" in headers)
  const wrong = observations.filter(({ asExpected }) => !asExpected)
  if (!json) console.log(closing(observations.length, wrong.length, leaked.length))
  process.exitCode = wrong.length === 0 && leaked.length === 0 ? 0 : 1
} finally {
  await parts.close()
}

function closing(calls: number, wrong: number, leaked: number): string {
  const paint = wrong + leaked === 0 ? colors.green : colors.red
  const requests = parts.desk.received().length + parts.api.received().length
  return [
    "",
    paint(`${calls} calls, ${wrong} not as expected.`),
    paint(`Of ${requests} requests that two servers saw, ${leaked} had a delegation token.`),
  ].join("\n")
}
