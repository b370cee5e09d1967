/**
 * `npm run bench:agentdojo`: AgentDojo's attacks and user tasks, replayed without Narrowgate and with each policy.
 * docs/security/agent-benchmark.md says how, and has the table; `--write` writes it there.
 */
import { execFile } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseArgs, promisify } from "node:util"
import { countsOf, replayWith, runsOf, type Row, type Run } from "./benchmark.ts"
import { POLICIES, SUITES } from "./policies.ts"
import { findPython, installAgentDojo, replaySuite, type Replay } from "./python.ts"
import { PAGE, tableOf, withTable } from "./table.ts"

const ROOT = join(import.meta.dirname, "../..")
/** Each has a Python, a Node and a workerd that wait for one another. */
const AT_ONCE = 3

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
const python = findPython()
if (python === null) fail("AgentDojo needs Python 3.11 or newer with venv; PYTHON names another one than python3")

const began = performance.now()
const interpreter = await installAgentDojo(python)
const runs = runsOf(suites, values.policy)
const replays = new Map<string, Replay>()
const seconds = (): string => `${Math.round((performance.now() - began) / 1000)} s`
const keep = (key: string, replay: Replay): void => {
  replays.set(key, replay)
  console.error(`${key}: replayed after ${seconds()}`)
}
await inTurn([
  ...suites.map((suite) => async () => keep(suite, await replaySuite(interpreter, suite, null))),
  ...runs.map((run) => async () => {
    keep(keyOf(run), await replayWith(interpreter, run))
  }),
])
const rows = runs.map((run): Row => {
  const { policy, suite, hasApprover } = run
  const counts = (key: string) => countsOf(replays.get(key) ?? fail(`${key} was not replayed`))
  return { policy: policy.name, suite, hasApprover, without: counts(suite), with: counts(keyOf(run)) }
})

if (values.json) console.log(JSON.stringify({ rows, replays: Object.fromEntries(replays) }, null, 1))
else console.log(tableOf(rows))
if (values.write) {
  await writeFile(PAGE, withTable(await readFile(PAGE, "utf8"), rows))
  await promisify(execFile)(process.execPath, [join(ROOT, "node_modules/oxfmt/bin/oxfmt"), PAGE], { cwd: ROOT })
}
process.exit(0)

function keyOf({ policy, suite, hasApprover }: Run): string {
  const key = `${policy.name} ${suite}`
  return hasApprover === null ? key : `${key} ${hasApprover ? "with" : "without"} approver`
}

async function inTurn(jobs: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...jobs]
  const work = async (): Promise<void> => {
    for (let job = left.shift(); job; job = left.shift()) await job()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
