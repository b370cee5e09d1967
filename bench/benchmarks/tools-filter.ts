/** A server's list of 200 tools cut down to what a token may call, asked one after the other: how long each takes. */
import { guard, type Benchmark } from "../benchmark.ts"
import type { Lab } from "../lab.ts"
import type { Seen } from "../load/load.ts"
import type { PreparedRequest } from "../load/request.ts"
import { startNarrowgate, type Narrowgate, type Task } from "../servers/narrowgate.ts"
import { addSuite, SUITE, SUITE_TOOLS, suiteKept, suiteList } from "../servers/suite.ts"
import { admittedBy, MANY_TREES } from "./trees.ts"

/** What an agent does not notice before its first call. */
const ALLOWANCE_MS = 5
const SCOPE = `${SUITE}.*:read`

export const toolsFilter: Benchmark = {
  name: "tools-filter",
  question: `how often one answer with ${SUITE_TOOLS} tools could be cut down within ${ALLOWANCE_MS} ms, one after the other`,
  unit: "ratio",
  target: 1,
  async run(lab) {
    await using narrowgate = await startNarrowgate(lab, null, addSuite)
    const tasks: Task[] = []
    for (let tree = 0; tree < MANY_TREES; tree++) tasks.push(await narrowgate.openTask(`user-${tree}`, SCOPE))
    const requests = tasks.map((task) =>
      narrowgate.listing(task, SUITE, suiteList, { status: 200, contains: suiteKept }),
    )
    const before = await admittedBy(narrowgate, tasks)
    const probes = [...requests, ...refusals(narrowgate, tasks)]
    await probe(lab, narrowgate, probes)
    await drive(lab, narrowgate, requests, lab.pace.warmUp)
    const rounds: Seen[] = []
    for (let round = 0; round < lab.pace.rounds; round++) {
      lab.say(`round ${round + 1} of ${lab.pace.rounds}`)
      rounds.push(await drive(lab, narrowgate, requests, lab.pace.round))
    }
    await probe(lab, narrowgate, probes)
    guard((await admittedBy(narrowgate, tasks)) === before, "a list was counted as a call")
    const rates = rounds.map(({ rate }) => rate).toSorted((a, b) => a - b)
    const p50 = medianOf(rounds.map((round) => round.p50))
    const rate = { median: medianOf(rates), least: rates[0] ?? Number.NaN, most: rates.at(-1) ?? Number.NaN }
    return { value: ALLOWANCE_MS / p50, sides: [{ name: "Narrowgate", rate, p50 }] }
  },
}

/** The same token must not get a list of another server, nor a forged one any. */
function refusals(narrowgate: Narrowgate, [task]: readonly Task[]): readonly PreparedRequest[] {
  if (!task) return []
  const forged = { ...task, token: `${task.token.slice(0, -8)}AAAAAAAA` }
  return [
    narrowgate.listing(task, "nowhere", suiteList, { status: 403, contains: "unknown_tool" }),
    narrowgate.listing(forged, SUITE, suiteList, { status: 401, contains: "invalid_token" }),
  ]
}

/** One connection: what is measured is how long one waits, not how many can be served at once. */
async function drive(
  lab: Lab,
  { workerd: { port, complaints } }: Narrowgate,
  requests: readonly PreparedRequest[],
  milliseconds: number,
): Promise<Seen> {
  const seen = await lab.load.run({ port, requests, connections: 1, milliseconds, answers: Infinity })
  guard(seen.failures.length === 0, `${seen.failures[0] ?? ""}\n${complaints()}`)
  guard(seen.answered >= LEAST_ANSWERS, `only ${seen.answered} answers in ${milliseconds} ms`)
  return seen
}

async function probe(lab: Lab, { workerd }: Narrowgate, requests: readonly PreparedRequest[]): Promise<void> {
  const answers = requests.length
  const all = { port: workerd.port, requests, connections: 1, milliseconds: 10_000, answers }
  const { answered, failures } = await lab.load.run(all)
  guard(failures.length === 0 && answered === answers, `a list was not cut down as expected: ${failures[0] ?? "late"}`)
}

const LEAST_ANSWERS = 20

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
