/**
 * `npm run bench:agentdojo`: AgentDojo's attacks and user tasks, replayed without Narrowgate and with each policy.
 * docs/security/agent-benchmark.md says how, and has the table; `--write` writes it there.
 */
import { readFile, writeFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import { atOnce } from "../at-once.ts"
import { countsOf, replayWith, runsOf, type Row, type Run } from "./benchmark.ts"
import { POLICIES, SUITES } from "./policies.ts"
import { installAgentDojo, replaySuite, type Replay } from "./python.ts"
import { PAGE, tableOf, withTable } from "./table.ts"

/** Each has a Python, a Node and a workerd that wait for one another. */
const AT_ONCE = 3

// A signal alone would leave child processes running: `endWithUs` ends them when this process exits.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))

const { values } = parseArgs({
  options: {
    suite: { type: "string", multiple: true, default: [...SUITES] },
    policy: { type: "string", multiple: true, default: POLICIES.map(({ name }) => name) },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
})
const names = new Set(POLICIES.map(({ name }) => name))
const suites = SUITES.filter((suite) => values.suite.includes(suite))
const unknown = [
  ...values.suite.filter((name) => suites.every((suite) => suite !== name)),
  ...values.policy.filter((name) => !names.has(name)),
]
if (unknown.length > 0)
  fail(`there is no ${unknown.join(", ")}: suites are ${SUITES.join(", ")}, policies ${[...names].join(", ")}`)
if (values.write && (suites.length < SUITES.length || POLICIES.some(({ name }) => !values.policy.includes(name)))) {
  fail("--write writes the whole table: leave out --suite and --policy")
}
const runs = runsOf(suites, values.policy)
if (runs.length === 0) fail("none of these policies is for one of these suites")
const began = performance.now()
const interpreter = await installAgentDojo().catch((error: unknown) =>
  fail(`AgentDojo is not installed: ${String(error)}`),
)
const replays = new Map<string, Replay>()
await atOnce(AT_ONCE, [...suites, ...runs], async (job) => {
  const [key, replay] =
    typeof job === "string"
      ? [job, await replaySuite(interpreter, job, null)]
      : [keyOf(job), await replayWith(interpreter, job)]
  replays.set(key, replay)
  console.error(`${key}: replayed after ${Math.round((performance.now() - began) / 1000)} s`)
})
const rows = runs.map((run): Row => {
  const { policy, suite, hasApprover } = run
  const counts = (key: string) => countsOf(replays.get(key) ?? fail(`${key} was not replayed`))
  return { policy: policy.name, suite, hasApprover, without: counts(suite), with: counts(keyOf(run)) }
})

if (values.json) console.log(JSON.stringify({ rows, replays: Object.fromEntries(replays) }, null, 1))
else console.log(tableOf(rows))
if (values.write) await writeFile(PAGE, withTable(await readFile(PAGE, "utf8"), rows))
process.exit(0)

function keyOf({ policy, suite, hasApprover }: Run): string {
  const key = `${policy.name} ${suite}`
  return hasApprover === null ? key : `${key} ${hasApprover ? "with" : "without"} approver`
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
