/** What `npm run capacity` says of a scenario: figures that must hold for any, and the pictures of the pages. */
import { globSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { costsTable } from "../../../bench/capacity/costs-table.ts"
import { predict, type Prediction } from "../../../bench/capacity/model.ts"
import { picturesOf } from "../../../bench/capacity/pictures.ts"
import { count, dollars, percent } from "../../../bench/capacity/figures.ts"
import { OWN } from "../../../bench/capacity/platform.ts"
import { MONTH } from "../../../bench/costs/prices.ts"
import { simulateBurst } from "../../../bench/capacity/queue.ts"
import { asJson, asText } from "../../../bench/capacity/report.ts"
import { busiestOf, readScenario, type Scenario } from "../../../bench/capacity/scenario.ts"
import { cyclesOf, LOGS, logUse, logUseOf } from "../../../bench/capacity/shared.ts"
import { pauseOf } from "../../../bench/capacity/plan.ts"
import { fullestPart } from "../../../bench/capacity/workload.ts"
import { randomOf } from "../../harness/random.ts"

const ROOT = join(import.meta.dirname, "../../..")
const table = costsTable()
const FILES = globSync("bench/capacity/scenarios/*.yaml", { cwd: ROOT })
const read = (file: string): Scenario => readScenario(readFileSync(join(ROOT, file), "utf8"), file)

const scenarioOf = (workload: object, more: object = {}): Scenario =>
  readScenario(JSON.stringify({ title: "any", ...more, workloads: [{ name: "any", ...workload }] }), "any")

const figuresOf = ({ classes, bill, limits, ...totals }: Prediction): readonly number[] => [
  ...classes.flatMap(({ use, objects, busiestMean, busiestPeak, bytes }) => [
    ...Object.values(use),
    objects,
    busiestMean,
    busiestPeak,
    bytes,
  ]),
  ...bill.flatMap(({ amount, price }) => [amount, price]),
  ...limits.map(({ used }) => used),
  totals.price,
  totals.callsPerDay,
  totals.mean,
  totals.peak,
]

const share = fc.double({ min: 0, max: 0.3, noNaN: true })
const people = fc.record({
  users: fc.integer({ min: 1, max: 20_000 }),
  active: fc.double({ min: 0.05, max: 1, noNaN: true }),
  tasks: fc.double({ min: 0.1, max: 20, noNaN: true }),
  calls: fc.integer({ min: 1, max: 60 }),
  gap: fc.double({ min: 0.05, max: 120, noNaN: true }),
  // As long as the longest of these tasks.
  life: fc.constant(7_200),
  hours: fc.constantFrom("flat" as const, "office" as const),
  mix: fc.record({ write: share, list: share, denied: share }),
  approvals: fc.double({ min: 0, max: 0.05, noNaN: true }),
})

describe("for any scenario", () => {
  it("no figure is negative, or none", () => {
    fc.assert(
      fc.property(people, (workload) => {
        for (const figure of figuresOf(predict(scenarioOf(workload), table))) {
          expect(figure).toBeGreaterThanOrEqual(0)
          expect(figure).toBeLessThan(Number.POSITIVE_INFINITY)
        }
      }),
      { numRuns: 12 },
    )
  })

  it("more calls take no fewer requests and rows, cost no less and come no further from any limit", () => {
    fc.assert(
      fc.property(people, fc.integer({ min: 2, max: 5 }), (workload, factor) => {
        const [less, more] = [workload, { ...workload, users: workload.users * factor }].map((each) =>
          predict(scenarioOf(each), table),
        )
        if (!less || !more) throw new Error("nothing was predicted")
        for (const what of ["requests", "written"] as const) {
          const sum = ({ classes }: Prediction): number => classes.reduce((total, { use }) => total + use[what], 0)
          // A part of the ledgers is simulated, of both other ones.
          expect(sum(more)).toBeGreaterThan(sum(less) * 0.98)
        }
        expect(more.price).toBeGreaterThanOrEqual(less.price * 0.98)
        const used = new Map(more.limits.map((limit) => [limit.id, limit.used]))
        for (const limit of less.limits) expect(used.get(limit.id), limit.id).toBeGreaterThanOrEqual(limit.used * 0.98)
      }),
      { numRuns: 8 },
    )
  })

  it.each([
    ["almost no task", { tasks: 1e-12, calls: 1, gap: 1 }],
    ["a task of many calls, now and then", { tasks: 0.001, calls: 20_000, gap: 0.1 }],
    ["more renewals than fit in memory", { tasks: 20_000, calls: 1, gap: 86_400, life: 86_400, token_life: 1 }],
  ])("%s has figures too", (_, workload) => {
    for (const figure of figuresOf(predict(scenarioOf({ users: 1, ...workload }), table)))
      expect(figure).toSatisfy(Number.isFinite)
  })

  it("the same scenario has the same figures", () => {
    for (const file of FILES) expect(asJson(predict(read(file), table))).toBe(asJson(predict(read(file), table)))
  })
})

it("twice as many people with the same calls in all: twice as many ledgers, each half as busy, and more rows", () => {
  const few = predict(scenarioOf({ users: 500, tasks: 8, calls: 20, gap: 5, busiest: 1 }), table)
  const many = predict(scenarioOf({ users: 1_000, tasks: 4, calls: 20, gap: 5, busiest: 1 }), table)
  const ledgers = ({ classes }: Prediction) => classes.find(({ name }) => name === "Ledger")
  expect(many.callsPerDay).toBe(few.callsPerDay)
  expect(ledgers(many)?.objects).toBe(1_000)
  expect(ledgers(many)?.busiestMean).toBeCloseTo((ledgers(few)?.busiestMean ?? 0) / 2)
  expect(ledgers(many)?.use.written).toBeGreaterThan(ledgers(few)?.use.written ?? Number.POSITIVE_INFINITY)
})

it("a small team pays no more than the plan; a fleet of 5,000 needs something changed", () => {
  expect(predict(read("bench/capacity/scenarios/small-team.yaml"), table).price).toBe(5)
  expect(predict(read("bench/capacity/scenarios/fleet.yaml"), table).limits[0]?.used).toBeGreaterThan(1)
})

it("partitions make the busiest ledger of a fleet less busy", () => {
  const peakOf = (partitions: number): number =>
    predict(scenarioOf({ instances: 2_000, partitions, tasks: 24, calls: 300, gap: 12 }), table).classes[0]
      ?.busiestPeak ?? 0
  expect(peakOf(8)).toBeLessThan(peakOf(2))
})

it("a window that all share denies what is beyond it, and is the limit that is met", () => {
  const { limits, days } = predict(
    scenarioOf({ users: 300, tasks: 200, calls: 20, gap: 2, shared: [{ limit: 300, seconds: 60 }] }),
    table,
  )
  expect(limits.find(({ id }) => id === "shared-limit")?.used).toBeGreaterThan(1)
  expect(days[0]?.windows[0]?.denied).toBeGreaterThan(0.3)
})

describe("a shared window that is longer than an hour", () => {
  const used = (seconds: number, limit: number): number | undefined =>
    predict(
      scenarioOf({ users: 800, tasks: 20, calls: 20, gap: 5, hours: "office", shared: [{ limit, seconds }] }),
      table,
    ).limits.find(({ id }) => id === "shared-limit")?.used

  it("counts the calls of all its hours, not the busiest hour as often", () => {
    expect(used(86_400, 400_000)).toBeCloseTo(0.8)
    expect(used(7_200, 400_000)).toBeCloseTo((0.8 * 20) / 89)
    expect(used(5_400, 400_000)).toBeCloseTo((0.8 * 15) / 89)
    expect(used(2 * 86_400, 400_000)).toBeCloseTo(1.6)
  })

  it("also those before and after midnight", () => {
    const hours = Array.from({ length: 24 }, (_, hour) => (hour === 0 || hour === 23 ? 1 : 0))
    expect(
      fullestPart(
        hours.map((each) => each / 2),
        7_200,
      ),
    ).toBeCloseTo(1)
  })
})

it("partitions are about as busy as each other, if nothing else is said; people are not", () => {
  const busiest = (workload: object): readonly number[] =>
    scenarioOf({ tasks: 1, calls: 1, gap: 1, ...workload }).workloads.map(busiestOf)
  expect(busiest({ instances: 300, partitions: 4 })).toEqual([1.2])
  expect(busiest({ users: 300 })).toEqual([3])
  expect(busiest({ instances: 300, partitions: 4, busiest: 2 })).toEqual([2])
})

it("of several workloads, each limit of one of them says of which", () => {
  const many = { users: 100, tasks: 2, calls: 5, gap: 5, shared: [{ limit: 10, seconds: 60 }] }
  const fleet = { name: "fleet", instances: 3_000, partitions: 2, tasks: 24, calls: 360, gap: 10 }
  const scenario = readScenario(
    JSON.stringify({ title: "any", workloads: [{ name: "people", ...many }, fleet] }),
    "any",
  )
  const whats = new Map(predict(scenario, table).limits.map(({ id, what }) => [id, what]))
  expect(whats.get("live-trees")).toMatch(/ \(fleet\)$/)
  expect(whats.get("agent-pace")).toMatch(/ \(fleet\)$/)
  expect(whats.get("shared-limit")).toMatch(/ \(people\)$/)
  expect(whats.get("switchboard-requests")).not.toMatch(/\(/)
})

it("what is stored grows, so the last month costs no less than the first", () => {
  const { price, priceAtEnd } = predict(read("bench/capacity/scenarios/fleet.yaml"), table)
  expect(priceAtEnd).toBeGreaterThan(price)
})

describe("a burst", () => {
  it("below what the object bears hardly waits; above it the last wait for all that is too much", () => {
    const calm = simulateBurst({ perSecond: 500, seconds: 10, bears: 1_000, seed: 1 })
    const storm = simulateBurst({ perSecond: 2_000, seconds: 10, bears: 1_000, seed: 1 })
    expect(calm.p99).toBeLessThan(20)
    expect(calm.late).toBe(0)
    expect(storm.longest).toBeGreaterThan(9_000)
    expect(storm.late / storm.requests).toBeGreaterThan(0.4)
  })
})

it("the formula of a log agrees with its cycles one by one", () => {
  for (const perSecond of [0.001, 0.01, 0.1, 2]) {
    const random = randomOf(1)
    const [appends, seconds] = [[] as { at: number; isRepeated: boolean }[], 2_000 / perSecond]
    for (let at = pauseOf(random, 1000 / perSecond); at < seconds * 1000; at += pauseOf(random, 1000 / perSecond))
      appends.push({ at, isRepeated: false })
    const load = { appends: perSecond, records: perSecond, isFull: false }
    const one = logUseOf(appends)
    expect(one.alarms / seconds / cyclesOf(load)).toBeCloseTo(1, 1)
    expect(one.written / seconds / logUse(load).written).toBeCloseTo(1, 1)
    expect(one.wakings / seconds / logUse(load).wakings).toBeGreaterThan(0.7)
  }
})

describe("what the Worker bears is what its page of limits says", () => {
  const limits = readFileSync(join(ROOT, "docs/reference/limits.md"), "utf8")
  const limitOf = (what: string): number => {
    const line = limits.split("\n").find((row) => row.startsWith(`| ${what}`)) ?? ""
    return Number(line.split("|")[2]?.replaceAll(/[^\d]/g, ""))
  }

  it.each([
    ["calls a second of an agent to the ledger of one user", OWN.agentCallsPerSecond],
    ["records of one log", OWN.logRecords],
    ["records that a log keeps for a sink that is behind", OWN.logCharactersForSinks],
    ["logs of known callers", LOGS],
    ["pending calls of one inbox", OWN.approvalsPendingInInbox],
  ])("%s", (what, value) => {
    expect(limitOf(what)).toBe(value)
  })
})

describe("a scenario", () => {
  const LEAST = { users: 1, tasks: 1, calls: 1, gap: 1 }
  const WHOLE = "title: any\nworkloads: [{ name: any, users: 1, tasks: 1, calls: 1, gap: 1 }]"

  it("that is no YAML is an error at its line", () => {
    expect(() => readScenario("title: any\n\tworkloads: []", "mine.yaml")).toThrow(/^mine\.yaml:2:\d+: /)
  })

  it.each([
    ["an unknown member", { speed: 3 }, "unknown key `speed`"],
    ["a negative number", { users: -1 }, "`workloads[0].users` is too small"],
    ["zero, if it would divide", { active: 0 }, "`workloads[0].active` is too small"],
    ["a huge number", { users: 1e12 }, "`workloads[0].users` is too large"],
    ["a fraction of a person", { users: 1.5 }, "`workloads[0].users` is"],
    ["a text", { calls: "many" }, "`workloads[0].calls` is a string"],
    ["nothing", { gap: null }, "`workloads[0].gap` is empty"],
    ["a day of 23 hours", { hours: Array.from({ length: 23 }, () => 1) }, "`workloads[0].hours` is too small"],
    ["a day without work", { hours: Array.from({ length: 24 }, () => 0) }, "no hour has work"],
    ["a mix of more than all calls", { mix: { write: 0.6, list: 0.6 } }, "add up to more than 1"],
    ["partitions of users", { partitions: 4 }, "partitions are for instances"],
    ["users and instances", { instances: 1 }, "either users or instances"],
    ["neither of them", { users: 0 }, "either users or instances"],
    ["a task that is longer than its life", { calls: 1_000, gap: 60 }, "longer than its life"],
    ["more calls than any deployment has", { users: 1e8, tasks: 1e6 }, "calls a day"],
    ["a name that moves the cursor", { name: "any\u001b[2J" }, "invisible characters"],
  ])("with %s is an error", (_, workload, message) => {
    expect(() => scenarioOf({ ...LEAST, ...workload })).toThrow(message)
  })

  it.each([
    ["file without a member", "title: any", "`workloads` is missing"],
    ["file with a number that is none", `${WHOLE}\nmonths: .nan`, "`months` is no finite number"],
    ["file with an infinite number", `${WHOLE}\nmonths: .inf`, "`months` is no finite number"],
    ["list", "[]", "the file is a list"],
    ["file without content", "", "the file is empty"],
    ["alias of itself", "&a [*a]", "contains itself"],
    ["nest without end", "[".repeat(50_000), "mine.yaml:1:"],
    ["file of another kind", "x".repeat(200_000), "longer than"],
  ])("that is a %s is an error", (_, content, message) => {
    expect(() => readScenario(content, "mine.yaml")).toThrow(message)
  })

  it("with two workloads of one name is an error", () => {
    const workloads = [1, 2].map(() => ({ name: "any", ...LEAST }))
    expect(() => readScenario(JSON.stringify({ title: "any", workloads }), "any")).toThrow("the same name")
  })

  it.each(FILES)("%s is reported in lines that end with the result", (file) => {
    const lines = asText(predict(read(file), table))
      .trimEnd()
      .split("\n")
    expect(lines.at(-1)).toMatch(/^[✓!✗] .* a month\.$/)
  })
})

const costPage = readFileSync(join(ROOT, "docs/operate/cost.md"), "utf8")
const capacityPage = readFileSync(join(ROOT, "docs/operate/capacity.md"), "utf8")

/** The cells of the row of a page's table that begins so, without the first. */
function cellsOf(page: string, first: string): readonly string[] {
  const row = page.split("\n").find((line) => line.split("|")[1]?.trim() === first)
  return (row ?? "")
    .split("|")
    .slice(2, -1)
    .map((cell) => cell.trim())
}

const priceOf = (name: string, changed: (scenario: Scenario) => Scenario = (scenario) => scenario): string =>
  dollars(predict(changed(read(`bench/capacity/scenarios/${name}.yaml`)), table).price).slice(1)
/** With the plan. */
function priceOfMillion(name: string, changed: (scenario: Scenario) => Scenario = (scenario) => scenario): string {
  const { price, days } = predict(changed(read(`bench/capacity/scenarios/${name}.yaml`)), table)
  const callsOfMonth = days.reduce((sum, { calls, workload }) => sum + calls * workload.days, 0)
  return dollars((price / callsOfMonth) * 1_000_000).slice(1)
}
const each =
  (change: Partial<Scenario["workloads"][number]>) =>
  (scenario: Scenario): Scenario => ({
    ...scenario,
    workloads: scenario.workloads.map((workload) => ({ ...workload, ...change })),
  })
const writes = (write: number) => (scenario: Scenario) => ({
  ...scenario,
  workloads: scenario.workloads.map((workload) => ({ ...workload, mix: { ...workload.mix, write } })),
})
const isolates = (count: number) => (scenario: Scenario) => ({ ...scenario, isolates: count })

it.each([
  ["no shared window", "company", [each({ shared: [] })]],
  [
    "a call each 2, 30 or 120 seconds instead of each 8",
    "company",
    [each({ gap: 2 }), each({ gap: 30 }), each({ gap: 120 })],
  ],
  ["no writes, or half of the calls", "company", [writes(0), writes(0.5)]],
  ["one isolate in each region, or 60", "company", [isolates(1), isolates(60)]],
  ["the fleet with one partition, or 64", "fleet", [each({ partitions: 1 }), each({ partitions: 64 })]],
])("the page of costs has what changes: %s", (what, name, changes) => {
  expect(cellsOf(costPage, what)[0]).toBe(changes.map((change) => priceOf(name, change)).join(", "))
})

it.each([
  ["small-team", "a small team", "the plan alone"],
  ["company", "a company of 10,000 people", priceOfMillion("company")],
  ["fleet", "a fleet of 5,000 agents", priceOfMillion("fleet")],
])("the page of costs has the price of %s", (name, title, ofMillion) => {
  const [, price, million] = cellsOf(costPage, `[${title}](../../bench/capacity/scenarios/${name}.yaml)`)
  expect(price).toBe(priceOf(name))
  expect(million).toBe(ofMillion)
})

it.each([
  ["the company, with 1,000 people", 1_000],
  ["the company, with 100,000 people", 100_000],
])("the page of costs has the price of %s", (what, users) => {
  expect(cellsOf(costPage, what)[1]).toBe(priceOf("company", each({ users })))
  expect(cellsOf(costPage, what)[2]).toBe(priceOfMillion("company", each({ users })))
})

it("the page of costs has what 150,000 calls a day cost beside the plan", () => {
  const { callsPerDay, price } = predict(each({ users: 1_875 })(read("bench/capacity/scenarios/company.yaml")), table)
  expect(callsPerDay).toBe(150_000)
  expect(costPage.replaceAll("\n", " ")).toContain(`company's mix cost ${dollars(price - MONTH.plan)} more`)
})

it.each([
  ["rows written", ["rows written"]],
  ["requests to the Worker", ["requests to the Worker"]],
  ["object requests", ["object requests"]],
  ["time of ledgers", ["object time, GB-s"]],
  ["processor", ["CPU, ms"]],
  [
    "storage of the first month, R2, KV, reads",
    ["stored in objects, GB", "stored in R2, GB", "writes to R2", "KV reads", "rows read"],
  ],
  ["the plan", ["plan"]],
])("the page of costs has what the company and the fleet pay for: %s", (what, lines) => {
  const sums = ["company", "fleet"].map((name) => {
    const { bill } = predict(read(`bench/capacity/scenarios/${name}.yaml`), table)
    return dollars(bill.reduce((sum, line) => sum + (lines.includes(line.what) ? line.price : 0), 0))
  })
  expect(cellsOf(costPage, what)).toEqual(sums)
})

it.each([
  ["database of a record log", "log-size"],
  ["a sink that is out of order for a day", "log-backlog"],
  ["live tasks of the agent in a partition", "live-trees"],
  ["requests of the busiest ledger", "ledger-requests"],
])("the page of capacity has how much of it the fleet uses: %s", (what, limit) => {
  const { limits } = predict(read("bench/capacity/scenarios/fleet.yaml"), table)
  expect(cellsOf(capacityPage, what)[0]).toBe(percent(limits.find(({ id }) => id === limit)?.used ?? 0))
})

describe("the page of capacity has what the program prints", () => {
  const prose = capacityPage.replaceAll(/\s+/g, " ")

  it.each(["small-team", "company"])("how far the logs of %s reach back", (name) => {
    const text = asText(predict(read(`bench/capacity/scenarios/${name}.yaml`), table))
    const [reach = "no such line"] = /The logs reach back [^.]+/.exec(text) ?? []
    expect(prose).toContain(reach)
  })

  it("how many requests the busiest objects of the company get", () => {
    const { classes } = predict(read("bench/capacity/scenarios/company.yaml"), table)
    const peakOf = (what: string): number =>
      Number(classes.find(({ name }) => name === what)?.busiestPeak.toPrecision(2))
    expect(prose).toContain(
      `ledger gets ${peakOf("Ledger")} requests a second, the switchboard ${peakOf("Switchboard")}.`,
    )
    expect(prose).toContain(`makes ${peakOf("SharedLimit")} requests a second to its object`)
  })

  it.each([
    ["small-team", "log-history", 44, "with 44 times as many calls"],
    ["company", "log-backlog", 6, "one day at six times the calls"],
  ])("when %s meets %s", (name, limit, factor, claim) => {
    const usedAt = (times: number): number => {
      const scenario = read(`bench/capacity/scenarios/${name}.yaml`)
      const workloads = scenario.workloads.map((workload) => ({ ...workload, tasks: workload.tasks * times }))
      return predict({ ...scenario, workloads }, table).limits.find(({ id }) => id === limit)?.used ?? 0
    }
    expect(prose).toContain(claim)
    expect(usedAt(factor)).toBeGreaterThanOrEqual(1)
    expect(usedAt(factor - 1)).toBeLessThan(1)
  })
})

it.each([500, 900, 1_100, 1_500])("the page of capacity has how long %d calls a second wait", (perSecond) => {
  const burst = { calls_per_second: perSecond, seconds: 20 }
  const [first] = predict(each({ burst })(read("bench/capacity/scenarios/burst.yaml")), table).bursts
  const { p50 = 0, p99 = 0, late = 0, requests = 0 } = first?.result ?? {}
  const [half, slowest, denied] = cellsOf(capacityPage, count(perSecond))
  expect([half, slowest]).toEqual([count(p50), count(p99)])
  expect(denied).toMatch(late > 0 ? percent(late / requests) : /^none/)
})

it.each(["company", "fleet"])("the page of costs has what %s costs when its months are over", (name) => {
  expect(costPage).toContain(dollars(predict(read(`bench/capacity/scenarios/${name}.yaml`), table).priceAtEnd))
})

describe("pictures of the pages are what the program makes", () => {
  it.each(FILES)("of %s", (file) => {
    for (const [name, picture] of Object.entries(picturesOf(read(file), table))) {
      const path = join(ROOT, "docs/operate/pictures", `${basename(file, ".yaml")}-${name}.svg`)
      expect(readFileSync(path, "utf8"), "npm run capacity -- FILE --svg docs/operate/pictures").toBe(picture)
    }
  })
})
