/** The document that says who works, how much, and under which limits. Absent members have the values of this file. */
import { readFile } from "node:fs/promises"
import { parse } from "yaml"
import * as z from "zod"
import { DEFAULT_LIFE, DEFAULT_TREES } from "../../src/core/policy/definition/agents.ts"
import { EXIT, Failure } from "../../cli/terminal/failure.ts"

const share = z.number().min(0).max(1)
const positive = z.number().positive()
const count = z.int().min(0)

/** By what `busiest` is, if it is absent: instances are spread over partitions by a hash, work over people is not. */
const BUSIEST = { partition: 1.2, other: 3 } as const

/** Of each hour of the day, in any unit. */
const PROFILES = {
  flat: Array.from({ length: 24 }, () => 1),
  office: [0, 0, 0, 0, 0, 0, 1, 3, 8, 10, 10, 8, 5, 8, 10, 10, 8, 5, 2, 1, 0, 0, 0, 0],
} as const satisfies Record<string, readonly number[]>

const mix = z.strictObject({
  write: share.default(0.2),
  list: share.default(0),
  denied: share.default(0),
  out_of_scope: share.default(0),
})

const sharedWindow = z.strictObject({
  limit: z.int().positive(),
  seconds: positive,
  /** The part of the calls that it is about. */
  calls: share.default(1),
})

const written = z.strictObject({
  name: z.string().min(1),
  /** People for whom agents act; 0: agents that act for nobody. */
  users: count.default(0),
  /** The part of them, or of the instances, for whom an agent works on a day. */
  active: share.default(1),
  /** Agents that act for each person; or, without people, agents that each have ledgers of their own. */
  agents: z.int().positive().default(1),
  /** Without people: running instances of all these agents together. */
  instances: count.default(0),
  partitions: z.int().min(1).max(64).default(1),
  /** A day, of each active person or instance, with all agents of that person together. */
  tasks: positive,
  /** Of a task, and seconds between them. */
  calls: positive,
  gap: positive,
  /** Seconds until a task expires. */
  life: positive.default(3_600),
  /** Seconds for which a token lives; then it is renewed. */
  token_life: positive.max(900).default(DEFAULT_LIFE),
  mix: mix.prefault({}),
  hours: z.union([z.enum(["flat", "office"]), z.array(z.number().min(0)).length(24)]).default("flat"),
  /** Days of a month on which they work. */
  days: z.number().positive().max(31).default(30),
  /** As many times as much as the mean is what the busiest person, agent or partition has. */
  busiest: z.number().min(1).optional(),
  /** Calls that all come to one ledger: so many a second, for so many seconds. */
  burst: z.strictObject({ calls_per_second: positive, seconds: positive }).optional(),
  /** A limit under 100, or a guardrail that remembers each call. */
  row_each: z.boolean().default(false),
  /** Windows over this workload alone: one over several workloads cannot be written. */
  shared: z.array(sharedWindow).default([]),
  /** The part of the calls that people approve, and seconds until they do. */
  approvals: share.default(0),
  approved_within: positive.default(600),
  trees: z
    .strictObject({
      live: positive.default(DEFAULT_TREES.live),
      per_minute: positive.default(DEFAULT_TREES.per_minute),
    })
    .prefault({}),
})

const workload = written.transform(({ busiest, ...others }) => ({
  ...others,
  busiest: busiest ?? (others.partitions > 1 ? BUSIEST.partition : BUSIEST.other),
}))

const sink = z.strictObject({ id: z.string().min(1), kind: z.enum(["r2", "elsewhere"]) })

const schema = z
  .strictObject({
    title: z.string().min(1),
    /** Places in which gateways ask, and isolates that answer at the same time in each. Cloudflare decides how many. */
    regions: z.int().positive().default(1),
    isolates: z.int().positive().default(4),
    workloads: z.array(workload).min(1),
    sinks: z.array(sink).default([]),
    /** Days for which records are to be found in the logs themselves, without a sink. */
    records_for_days: z.number().min(0).default(0),
    /** Hours for which a sink may be out of order without a loss. */
    sink_outage_hours: positive.default(24),
    /** Months for which the deployment is to last without a change. */
    months: positive.default(36),
    seed: z.int().default(1),
  })
  .refine(({ workloads }) => workloads.every(({ users, instances }) => users > 0 !== instances > 0), {
    message: "a workload has either users or instances",
  })
  .refine(({ workloads }) => workloads.every(({ users, partitions }) => users === 0 || partitions === 1), {
    message: "partitions are for instances: what an agent does for a person is in the ledger of that person",
  })
  .refine(
    ({ workloads }) => workloads.every(({ mix }) => Object.values(mix).reduce((sum, each) => sum + each, 0) <= 1),
    {
      message: "the shares of a mix add up to at most 1",
    },
  )

export type Scenario = z.infer<typeof schema>
export type Workload = Scenario["workloads"][number]
export type SharedWindow = Workload["shared"][number]

export function readScenario(text: string, name: string): Scenario {
  const result = schema.safeParse(yamlIn(text, name))
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new Failure(
    `${name} is no scenario: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
    "Correct that member; bench/capacity/scenario.ts says what each may be.",
    EXIT.usage,
  )
}

function yamlIn(text: string, name: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    const [line = ""] = String(error instanceof Error ? error.message : error).split("\n")
    throw new Failure(
      `${name} is no YAML: ${line.replace(/:$/, "")}`,
      "Correct that line; YAML is indented by spaces.",
      EXIT.usage,
    )
  }
}

export async function loadScenario(path: string): Promise<Scenario> {
  const text = await readFile(path, "utf8").catch(() => null)
  if (text === null)
    throw new Failure(`${path} cannot be read.`, "Name a scenario: npm run capacity -- FILE", EXIT.usage)
  return readScenario(text, path)
}

/** The parts of a day that come in each hour; their sum is 1. */
export function hoursOf({ hours }: Pick<Workload, "hours">): readonly number[] {
  const profile: readonly number[] = typeof hours === "string" ? PROFILES[hours] : hours
  const sum = profile.reduce((total, each) => total + each, 0)
  return profile.map((each) => each / sum)
}
