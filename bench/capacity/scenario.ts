/** The YAML document that says who works, how much, and under which limits. Each absent member has its value of this file. */
import { readFile } from "node:fs/promises"
import * as z from "zod"
import { parseSource } from "../../cli/compiler/source/parse-source.ts"
import { parseYaml } from "../../cli/compiler/source/source.ts"
import { EXIT, Failure } from "../../cli/terminal/failure.ts"
import { hasUnseen } from "../../src/core/encoding/display-text.ts"
import { LONGEST_PERIOD } from "../../src/core/guardrails/definition.ts"
import { DEFAULT_LIFE, DEFAULT_TREES, MAX_TASK_LIFE } from "../../src/core/policy/definition/agents.ts"

/** Characters of a file: the parser compares each key with those before it. */
const MAX_LENGTH = 100_000
/** Beyond these no deployment is near, and a simulation would never end. */
const MAX = { count: 100_000_000, callsPerDay: 10_000_000_000 } as const

const share = z.number().min(0).max(1)
const positive = z.number().positive().max(MAX.count)
const count = z.int().min(0).max(MAX.count)
const least = z.int().min(1).max(MAX.count)

/** Printed on terminals and in pictures. */
const text = z
  .string()
  .min(1)
  .max(100)
  .refine((value) => !hasUnseen(value), {
    message: "contains invisible characters",
    params: { fix: "Write it in letters, digits, punctuation and single spaces." },
  })

/** What `busiest` is, if it is absent: a hash spreads instances over partitions evenly; people do not work evenly. */
const BUSIEST = { partition: 1.2, other: 3 } as const

/** Of each hour of the day, in any unit. */
const PROFILES = {
  flat: Array.from({ length: 24 }, () => 1),
  office: [0, 0, 0, 0, 0, 0, 1, 3, 8, 10, 10, 8, 5, 8, 10, 10, 8, 5, 2, 1, 0, 0, 0, 0],
} as const satisfies Record<string, readonly number[]>

const mix = z
  .strictObject({
    write: share.default(0.2),
    list: share.default(0),
    denied: share.default(0),
    out_of_scope: share.default(0),
  })
  .refine((shares) => Object.values(shares).reduce((sum, each) => sum + each, 0) <= 1, {
    message: "the shares of a mix add up to more than 1",
    params: { fix: "Lower one of them: reads are the rest." },
  })

const sharedWindow = z.strictObject({
  limit: least,
  seconds: z.int().min(1).max(LONGEST_PERIOD),
  /** The part of the calls that it counts. */
  calls: share.default(1),
})

const hours = z
  .array(z.number().min(0).max(MAX.count))
  .length(24)
  .refine((parts) => parts.some((part) => part > 0), {
    message: "no hour has work",
    params: { fix: "Write what comes in each hour of the day, in any unit." },
  })

const workload = z
  .strictObject({
    name: text,
    /** People for whom agents act; 0: the agents act for no user. */
    users: count.default(0),
    /** The part of them, or of the instances, for whom an agent works on a day. */
    active: z.number().positive().max(1).default(1),
    /** Agents that act for each person; or, without people, agents that each have ledgers of their own. */
    agents: least.default(1),
    /** Without people: running instances of all these agents together. */
    instances: count.default(0),
    partitions: z.int().min(1).max(64).default(1),
    /** A day, of each active person or instance, with all agents of that person together. */
    tasks: positive,
    /** Of a task, and seconds between them. */
    calls: z.int().min(1).max(1_000_000),
    gap: z.number().min(0.001).max(MAX_TASK_LIFE),
    /** Seconds until a task expires. */
    life: z.number().positive().max(MAX_TASK_LIFE).default(3_600),
    /** Seconds for which a token lives; then it is renewed. */
    token_life: z.number().min(1).max(900).default(DEFAULT_LIFE),
    mix: mix.prefault({}),
    hours: z.union([z.enum(["flat", "office"]), hours]).default("flat"),
    /** Days of a month on which they work. */
    days: z.number().positive().max(31).default(30),
    /** How many times the mean the busiest person, agent or partition has. */
    busiest: z.number().min(1).max(MAX.count).optional(),
    /** Calls that all come to one ledger: so many a second, for so many seconds. */
    burst: z
      .strictObject({ calls_per_second: z.number().min(0.1).max(10_000), seconds: z.number().min(0.1).max(600) })
      .optional(),
    /** A limit under 100, or a guardrail that remembers each call. */
    row_each: z.boolean().default(false),
    /** Windows over this workload alone: one over several workloads cannot be written. */
    shared: z.array(sharedWindow).max(20).default([]),
    /** The part of the calls that people approve, and seconds until they do. */
    approvals: share.default(0),
    approved_within: positive.default(600),
    trees: z
      .strictObject({
        live: least.default(DEFAULT_TREES.live),
        per_minute: least.default(DEFAULT_TREES.per_minute),
      })
      .prefault({}),
  })
  .refine(({ users, instances }) => users > 0 !== instances > 0, {
    message: "a workload has either users or instances",
    params: { fix: "Keep one of `users` and `instances`." },
  })
  .refine(({ users, partitions }) => users === 0 || partitions === 1, {
    message: "partitions are for instances: what an agent does for a person is in the ledger of that person",
    params: { fix: "Remove `partitions`." },
  })
  .refine(({ calls, gap, life }) => calls * gap <= life, {
    message: "a task lasts longer than its life: calls × gap",
    params: { fix: "Raise `life`, or write more `tasks` of fewer `calls`: calls after the life are denied." },
  })
  .refine(
    ({ users, instances, active, tasks, calls }) => (users + instances) * active * tasks * calls <= MAX.callsPerDay,
    {
      message: `a workload has more than ${MAX.callsPerDay.toLocaleString("en-US")} calls a day`,
      params: { fix: "Simulate a part of it." },
    },
  )

const schema = z.strictObject({
  title: text,
  /** Places in which gateways call, and isolates that serve them at the same time in each. Cloudflare decides how many. */
  regions: z.int().min(1).max(10_000).default(1),
  isolates: z.int().min(1).max(10_000).default(4),
  workloads: z
    .array(workload)
    .min(1)
    .max(100)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
      message: "two workloads have the same name",
      params: { fix: "Rename one of them: a limit says of which workload it is." },
    }),
  sinks: z
    .array(z.enum(["r2", "elsewhere"]))
    .max(100)
    .default([]),
  /** Days for which records are to be found in the logs themselves, without a sink. */
  records_for_days: z.number().min(0).max(MAX.count).default(0),
  /** Hours for which a sink may be out of order without a loss. */
  sink_outage_hours: positive.default(24),
  /** Months for which the deployment is to last without a change. */
  months: z.number().positive().max(1_200).default(36),
  seed: z.int().default(1),
})

export type Scenario = z.infer<typeof schema>
export type Workload = Scenario["workloads"][number]
export type SharedWindow = Workload["shared"][number]

export function readScenario(content: string, name: string): Scenario {
  if (content.length > MAX_LENGTH)
    throw new Failure(`${name} is longer than ${MAX_LENGTH} characters.`, "Name a scenario.", EXIT.usage)
  const parsed = parseSource(parseYaml(name, content), schema)
  if (parsed.ok) return parsed.source.value
  const [problem] = parsed.problems
  throw new Failure(
    `${name}:${problem?.line ?? 1}:${problem?.column ?? 1}: ${problem?.message ?? "is no scenario"}`,
    `${problem?.fix ?? ""} bench/capacity/scenario.ts says what each member may be.`.trimStart(),
    EXIT.usage,
  )
}

export async function loadScenario(path: string): Promise<Scenario> {
  const content = await readFile(path, "utf8").catch(() => null)
  if (content === null)
    throw new Failure(`${path} cannot be read.`, "Name a scenario: npm run capacity -- FILE", EXIT.usage)
  return readScenario(content, path)
}

/** How many times the mean the busiest person, agent or partition has. */
export const busiestOf = ({ busiest, partitions }: Pick<Workload, "busiest" | "partitions">): number =>
  busiest ?? (partitions > 1 ? BUSIEST.partition : BUSIEST.other)

/** The parts of a day that come in each hour; their sum is 1. */
export function hoursOf({ hours }: Pick<Workload, "hours">): readonly number[] {
  const profile: readonly number[] = typeof hours === "string" ? PROFILES[hours] : hours
  const sum = profile.reduce((total, each) => total + each, 0)
  return profile.map((each) => each / sum)
}
