/** The simulation held against the real Worker: the same calls, what was predicted of them, and what was counted. */
import type { Lab } from "../lab.ts"
import { costsTable, type CostsTable } from "./costs-table.ts"
import { Driver, type MeasuredRun } from "./drive.ts"
import { rulesOf, simulateLedger } from "./ledger.ts"
import { randomOf } from "../../test/harness/random.ts"
import { pauseOf, planTask, type Mix, type PlannedTask } from "./plan.ts"
import { edgeUse, logUseOf, LOGS } from "./shared.ts"
import { simulateWindow } from "./shared-window.ts"
import { add, NO_USE, type ObjectUse } from "./use.ts"
import { creditUse } from "./workload.ts"

export const SEED = 1
/** In parts of what was counted. */
export const MOST_ERROR = 0.1
export const isWithinError = (comparisons: readonly Comparison[]): boolean =>
  comparisons.every(({ error }) => error <= MOST_ERROR)

const USERS = 20
const AGENTS = Array.from({ length: 5 }, (_, index) => `spiffe://bench.example/agent/checked-${index}`)
const TASKS_OF_USER = 3
const MIX: Mix = { write: 0.2, list: 0.05, denied: 0.04, out_of_scope: 0.03 }
/** Tasks end before the sessions behind them, which last an hour of the real clock. */
const SHAPE = { calls: 40, gap: 6, life: 1_800, token_life: 900, mix: MIX } as const
/** All tasks begin within this time. */
const BEGIN_MS = 1_500_000
const LASTS_MS = 4 * 3_600_000
/** The shared window of the measured policies: bench/servers/guarded.ts. */
const WINDOW = { limit: 100_000, seconds: 10, calls: 1 } as const

/** Tables and keys that an empty deployment makes at its first request: rows. */
const FIRST_USE = { RecordLog: 10 * LOGS, Switchboard: 15, Publications: 5 } as const

export interface Comparison {
  readonly what: string
  readonly predicted: number
  readonly counted: number
  /** In parts of what was counted. */
  readonly error: number
}

export function checkedPlan(seed: number): readonly PlannedTask[] {
  const random = randomOf(seed)
  return Array.from({ length: USERS * TASKS_OF_USER }, (_, index) => {
    const [user, agent] = [`user-${index % USERS}`, AGENTS[Math.floor(random() * AGENTS.length)] ?? ""]
    const begin = random() * BEGIN_MS + pauseOf(random, 1_000)
    return planTask(begin, { user, agent }, SHAPE, random)
  }).toSorted((a, b) => a.at - b.at)
}

export async function check(lab: Lab, seed: number): Promise<readonly Comparison[]> {
  const plan = checkedPlan(seed)
  await using driver = await Driver.start(lab, AGENTS, SHAPE.life)
  const run = await driver.drive(plan, LASTS_MS)
  return compare(predictPlan(plan, costsTable(), seed), run)
}

interface PlanPrediction {
  readonly classes: Readonly<Record<string, ObjectUse>>
  readonly objects: Readonly<Record<string, number>>
  readonly requests: number
  readonly kvReads: number
}

function predictPlan(plan: readonly PlannedTask[], table: CostsTable, seed: number): PlanPrediction {
  const rules = rulesOf(table, false)
  const ledgers = [...Map.groupBy(plan, ({ user }) => user).values()].map((tasks) => simulateLedger(tasks, rules))
  const logs = Array.from({ length: LOGS }, (_, log) =>
    logUseOf(ledgers.flatMap(({ appends }, index) => (index % LOGS === log ? appends : []))),
  )
  const all = plan.flatMap(({ calls }) => calls)
  const counted = all.filter(({ kind }) => kind === "read" || kind === "write").length
  const seconds = Math.max(...all.map(({ at }) => at)) / 1000
  const cycles = logs.reduce((sum, { alarms }) => sum + alarms, 0)
  const requests = all.length + plan.length
  const edge = edgeUse(1, requests / seconds, plan.length / seconds, 0)
  const window = simulateWindow(WINDOW, counted / seconds, (counted / seconds) * SHAPE.gap, seed)
  const credit = creditUse(counted, window.requests, table)
  const sum = (uses: readonly ObjectUse[]): ObjectUse => uses.reduce(add, NO_USE)
  return {
    classes: {
      Ledger: sum([...ledgers.map(({ use }) => use), { ...NO_USE, waited: credit.seconds }]),
      RecordLog: withFirstUse("RecordLog", sum(logs)),
      Switchboard: withFirstUse("Switchboard", {
        ...edge.switchboard,
        requests: edge.switchboard.requests * seconds + cycles,
      }),
      Publications: withFirstUse("Publications", {
        ...edge.publications,
        requests: edge.publications.requests * seconds,
      }),
      SharedLimit: { ...NO_USE, requests: credit.requests, written: credit.rows },
    },
    objects: { Ledger: ledgers.length, RecordLog: LOGS },
    requests,
    kvReads: edge.kvReads * seconds,
  }
}

const withFirstUse = (name: keyof typeof FIRST_USE, use: ObjectUse): ObjectUse => ({
  ...use,
  written: use.written + FIRST_USE[name],
})

/** What is compared of each class. The rest is too little to differ from chance, or costs nothing. */
const COMPARED = {
  Ledger: ["requests", "alarms", "wakings", "written", "read", "waited"],
  RecordLog: ["requests", "written"],
  Switchboard: ["requests"],
  Publications: ["requests"],
  SharedLimit: ["requests", "written"],
} as const satisfies Record<string, readonly (keyof ObjectUse)[]>

const NAMES: Readonly<Record<keyof ObjectUse, string>> = {
  requests: "requests",
  alarms: "alarms",
  wakings: "wakings",
  written: "rows written",
  read: "rows read",
  waited: "seconds without hibernation",
}

function compare(predicted: PlanPrediction, { counts, objects }: MeasuredRun): readonly Comparison[] {
  // The meter counts milliseconds.
  const used = Object.fromEntries(
    Object.entries(counts.classes).map(([name, use]) => [name, { ...use, waited: use.waited / 1000 }]),
  )
  const pair = (what: string, one: number, other: number): Comparison => ({
    what,
    predicted: one,
    counted: other,
    error: Math.abs(one - other) / other,
  })
  const total = (classes: Readonly<Record<string, ObjectUse>>, what: keyof ObjectUse): number =>
    Object.values(classes).reduce((sum, use) => sum + use[what], 0)
  return [
    pair("requests to the Worker", predicted.requests, counts.requests),
    ...Object.entries(predicted.objects).map(([name, count]) => pair(`${name}: objects`, count, objects[name] ?? 0)),
    ...Object.entries(COMPARED).flatMap(([name, whats]) =>
      whats.map((what) =>
        pair(`${name}: ${NAMES[what]}`, predicted.classes[name]?.[what] ?? 0, used[name]?.[what] ?? 0),
      ),
    ),
    pair("all objects: requests", total(predicted.classes, "requests"), total(used, "requests")),
    pair("all objects: rows written", total(predicted.classes, "written"), total(used, "written")),
    pair("KV reads", predicted.kvReads, counts.kvReads),
  ]
}
