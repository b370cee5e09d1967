/**
 * The dearest request that a caller can send to each endpoint, by any policy, whatever it is answered: the processor
 * time of the whole process, against that of reading 1 MiB of plain text right after each request, since other work on
 * the machine makes both dearer and comes and goes.
 */
import { setTimeout } from "node:timers/promises"
import { guard, GuardTripped, type Benchmark, type SideFigures } from "../benchmark.ts"
import { PACES, type Lab } from "../lab.ts"
import { lowestQuarter, processorTime } from "../schedstat.ts"
import { startReadText } from "../servers/floor.ts"
import { startNarrowgate } from "../servers/narrowgate.ts"
import type { Workerd } from "../servers/workerd.ts"
import { makeWorst, WORST_SERVER } from "../servers/worst.ts"
import { POLICIES, POLICY_SERVER } from "../servers/worst-policies.ts"
import { endpointsOf, MOST_OF, ofPolicy, othersOf, type Sent } from "./worst-endpoints.ts"
import { POLICY_VALUES, SIZES, VALUES } from "./worst-values.ts"

/** Readings of 1 MiB of text that the dearest request may cost: some 25 ms where such a reading takes 1.25. */
const ALLOWANCE = 20
const LARGEST = SIZES.at(-1) ?? 0

interface Cost {
  readonly name: string
  /** Milliseconds of the processor. */
  readonly cost: number
  /** Of the readings beside it. */
  readonly reading: number
}

export const worstRequest: Benchmark = {
  name: "worst-request",
  question: `${ALLOWANCE} readings of 1 MiB of text, against the dearest request to any endpoint, by any policy`,
  unit: "ratio",
  target: 1,
  async run(lab) {
    const { keys, add } = await makeWorst()
    await using narrowgate = await startNarrowgate(lab, null, add)
    await using floor = await startReadText(lab)
    const { workerd, identities } = narrowgate
    const task = await narrowgate.openTask("worst", `plain.*:write ${WORST_SERVER}.*:write ${WORST_SERVER}.*:read`)
    const operator = await identities.operatorToken()
    const endpoints = endpointsOf(narrowgate, task, operator)
    const others = await othersOf(narrowgate, task, operator, keys)
    const valid = validOf(endpoints)
    for (const name of ALLOWED) {
      const sent = valid[name] ?? others[name]
      const status = sent && (await statusOf(workerd, sent))
      guard(status === 200 || status === 202, `${name} is answered ${status}`)
    }
    const costs: Cost[] = []
    for (const [endpoint, make] of Object.entries(endpoints)) {
      const ofEndpoint: Cost[] = []
      for (const [value, valueOf] of Object.entries(VALUES)) {
        const sizes = SIZES.filter((size) => size <= (MOST_OF[endpoint] ?? LARGEST))
        for (const size of lab.pace === PACES.quick ? sizes.slice(-1) : sizes) {
          const name = `${endpoint}, ${value}, ${size >> 10} KiB`
          lab.say(name)
          ofEndpoint.push(await costOf(lab, name, workerd, floor, make(valueOf(size))))
        }
      }
      costs.push(...dearestFirst(ofEndpoint).slice(0, 1))
    }
    for (const policy of POLICIES) {
      const ofPolicies: Cost[] = []
      for (const [value, valueOf] of Object.entries(POLICY_VALUES)) {
        const name = `policy ${policy}, ${value}`
        lab.say(name)
        // A ledger of its own, because dear calls are soon too many for one.
        const own = await narrowgate.openTask(name, `${POLICY_SERVER}.*:write`)
        const status = await statusOf(workerd, ofPolicy(narrowgate, own, policy, '"x"'))
        guard(status === 200, `a small call of the policy ${policy} is answered ${status}`)
        ofPolicies.push(await costOf(lab, name, workerd, floor, ofPolicy(narrowgate, own, policy, valueOf())))
      }
      costs.push(...dearestFirst(ofPolicies).slice(0, 1))
    }
    for (const [name, sent] of Object.entries(others)) {
      lab.say(name)
      costs.push(await costOf(lab, name, workerd, floor, sent))
    }
    const dearest = dearestFirst(costs)
    const [worst] = dearest
    guard(worst !== undefined, "there is a request")
    const { reading } = worst
    const sides = [...dearest, { name: "1 MiB of text read", cost: reading, reading }].map(figuresOf)
    return { value: (ALLOWANCE * reading) / worst.cost, sides }
  },
}

const validOf = (endpoints: ReturnType<typeof endpointsOf>): Readonly<Record<string, Sent>> =>
  Object.fromEntries(Object.entries(endpoints).map(([name, make]) => [name, make('"plain"')]))

const dearestFirst = (costs: readonly Cost[]): readonly Cost[] =>
  costs.toSorted((a, b) => b.cost / b.reading - a.cost / a.reading)

const figuresOf = ({ name, cost }: Cost): SideFigures => {
  const rate = 1000 / cost
  return { name, rate: { median: rate, least: rate, most: rate }, p50: cost }
}

/** They would measure nothing if they were refused at the door. */
const ALLOWED = [
  "route",
  "MCP",
  "query",
  "queries",
  "search",
  "evaluation",
  "evaluations",
  "evaluation of a tool",
  "explanation, as an operator",
  "list of many tools",
  "search among many tools",
  "search for a user of many groups",
  "queries about a user of many groups",
  "search with many properties",
  "token, one scope of an agent",
  "token, 256 scopes of an agent",
  "token, scope of all tools",
  "token, authorization_details of an agent",
  "token, authorization_details with bounds",
  "events of a stream",
  "decisions, as an operator",
] as const

async function statusOf({ port }: Workerd, { method = "POST", path, headers, body }: Sent): Promise<number> {
  try {
    const init = { method, headers, redirect: "manual", ...(body !== undefined && { body }) } as const
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    await response.arrayBuffer()
    return response.status
  } catch (error) {
    // One that is answered before all of it was sent loses its connection.
    if (error instanceof TypeError) return 0
    throw error
  }
}

/** For one that is not answered 429, which would cost next to nothing. */
async function costOf({ pace }: Lab, name: string, server: Workerd, floor: Workerd, sent: Sent): Promise<Cost> {
  for (let warming = 0; warming < WARM_UP; warming++) await statusOf(server, sent)
  const requests = pace === PACES.quick ? REQUESTS / 4 : REQUESTS
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const statuses = new Set<number>()
    const [costs, readings]: [number[], number[]] = [[], []]
    for (let request = 0; request < requests; request += AT_ONCE) {
      costs.push(await timeOf(server, async () => void statuses.add(await statusOf(server, sent))))
      readings.push(await timeOf(floor, async () => void (await statusOf(floor, TEXT))))
    }
    if (!statuses.has(TOO_FAST)) return { name, cost: lowestQuarter(costs), reading: lowestQuarter(readings) }
    await setTimeout(DRAINED_MS)
  }
  throw new GuardTripped("the agent is always too fast")
}

/** Milliseconds of the processor for each of a few, among which garbage is collected too. */
async function timeOf({ pid }: Workerd, send: () => Promise<void>): Promise<number> {
  const start = processorTime(pid)
  for (let nth = 0; nth < AT_ONCE; nth++) await send()
  return (processorTime(pid) - start) / 1e6 / AT_ONCE
}
const AT_ONCE = 2
const TEXT = { path: "/", headers: {}, body: "a".repeat(LARGEST) }
const TOO_FAST = 429
/** Until an agent whose calls took much work may call again (src/ledger/pace.ts). */
const DRAINED_MS = 5_000
const ATTEMPTS = 4
/** Until the code is compiled. */
const WARM_UP = 4
const REQUESTS = 24
