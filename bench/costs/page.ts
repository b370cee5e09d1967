/** docs/reference/costs.md: what was counted and measured, and back from the page what its test holds a run against. */
import { cpus } from "node:os"
import { join } from "node:path"
import { ALONE, IN_LOOP, type Counts, type Usage } from "./count.ts"
import type { Kind } from "./kinds.ts"
import { PRICES, priceOfMillion } from "./prices.ts"

export const PAGE = join(import.meta.dirname, "../../docs/reference/costs.md")

/** Whose cost a class of objects is. Those that are not named belong to the call, and are used by some kinds only. */
const OF_ISOLATE: readonly string[] = ["Switchboard", "Publications"]

/** Of one call: what its ledger, its record log and other objects take, and what its isolate does besides. */
export interface Shares {
  readonly ledger: number
  readonly log: number
  readonly others: number
  readonly isolate: number
}

export function sharesOf({ classes }: Counts, what: keyof Usage): Shares {
  const sumOf = (belongs: (name: string) => boolean): number =>
    Object.entries(classes).reduce((sum, [name, usage]) => sum + (belongs(name) ? usage[what] : 0), 0)
  const named = new Set(["Ledger", "RecordLog", ...OF_ISOLATE])
  return {
    ledger: sumOf((name) => name === "Ledger"),
    log: sumOf((name) => name === "RecordLog"),
    others: sumOf((name) => !named.has(name)),
    isolate: sumOf((name) => OF_ISOLATE.includes(name)),
  }
}

export const totalOf = ({ ledger, log, others, isolate }: Shares): number => ledger + log + others + isolate

export interface Cost {
  readonly kind: Kind
  readonly counts: Counts
  readonly cpuMilliseconds: number
}

/** Dollars. */
export function priceOf({ counts, cpuMilliseconds }: Cost): number {
  const total = (what: keyof Usage): number => totalOf(sharesOf(counts, what))
  return priceOfMillion({
    requests: counts.requests,
    cpuMilliseconds,
    objectRequests: total("requests"),
    rowsWritten: total("written"),
    rowsRead: total("read"),
    objectSeconds: total("waited") / 1000,
    kvReads: counts.kvReads,
  })
}

export function pageOf(costs: readonly Cost[]): string {
  const { perMillion, source, objects, asOf } = PRICES
  return `# What it costs

A call, a list or a token, as Cloudflare bills it. This page is written by \`npm run bench:costs -- --write\`;
[bench](../../bench/README.md#what-calls-cost) says how it counts.

- **In a loop**: ${IN_LOOP.agents} agents, each for a user of its own, call ${1000 / IN_LOOP.everyMs} times a second, ${IN_LOOP.calls} times.
- **Alone**: one agent calls ${ALONE.calls} times, ${ALONE.everyMs / 1000} seconds apart, and nobody else does. Its ledger was asleep before the first call.

Then come ten minutes of silence, and hours, until nothing is left of the tasks: whatever the calls have caused until
then is in their figures, deletes and alarms too. The end of the task itself is part of the token's.

The rules are the ten of \`bench/policies\`; the guardrails are three windows, a sequence and a budget, and for a shared limit one window more. Other policies cost [other rows](../guides/guardrails.md#what-it-costs). \`RECORD_DELAY_SECONDS\` is 60, as in \`wrangler.toml\`: the record of a lone read waits for others, and an alarm sends them together ([durability](decision-record.md#durability)). With less, calls share fewer requests and rows of the log.

**Calls that come more seldom**, such as one every five minutes, share neither a waking nor an alarm: each wakes its ledger, and its alarm wakes the ledger and the record log once more. The wakings column says how many the 20 calls needed on average; to estimate such an agent, count three wakings for a read, and add to the line of a lone read one request for the alarm, one for the log, and the rows of both, about two. That is an estimate; it was not measured.

**Calls at a steady pace between the two**, such as one a second to a ledger: up to three a second, each writes [a row of its own](facts.md#what-is-durable-when), as alone, and the ledger's wakings and the requests of the isolate are shared, as in a loop. So the line of a lone call is the upper bound. This was not measured either.

**Of an agent with [partitions](../guides/policies.md#partitions)**, a read under a limit \`per: user_or_agent\` is one under a shared limit. Calls that a window denies, and renewals by token exchange, are not in the table: \`denied by a rule\` and \`refresh\` come close.

## A million of each

| kind | pace | price | object requests | rows written | rows read | object seconds | CPU |
| ---- | ---- | ----- | --------------- | ------------ | --------- | -------------- | --- |
${costs.map(priceRow).join("\n")}

- **Price**: US dollars for a million, all of this and the requests to the Worker together, beyond what the paid plan includes.
- **Object requests, rows written, rows read**: of one call on average, whatever object they are of.
- **Object seconds**: in which an object waited for a timer of its own and could not hibernate.
- **CPU**: milliseconds of one call in a warm isolate, on ${machine()}. Another machine has others.

${PRICES_TEXT(perMillion, source, objects, asOf)}

## Whose they are

| kind | pace | requests: ledger | log | others | isolate | rows written: ledger | log | others | isolate | wakings | alarms | KV reads |
| ---- | ---- | ---------------- | --- | ------ | ------- | -------------------- | --- | ------ | ------- | ------- | ------ | -------- |
${costs.map(sharesRow).join("\n")}

- **Ledger, log**: the ledger of the call, and its record log.
- **Others**: shared limits, and the log of what is used once.
- **Isolate**: what an isolate keeps for all of its calls: switches, keys and which bundle is live. It asks for switches
  at most once a second, so agents that share an isolate share these requests; alone, one agent pays for all.
- **Wakings**: objects that were in no memory and had to be loaded. **Alarms** are among the requests.

No kind may write more rows, or send more object requests, than this table says: \`test/node/costs.test.ts\` counts again.
`
}

const PRICES_TEXT = (per: typeof PRICES.perMillion, source: string, objects: string, asOf: string): string =>
  `The prices are those of [Workers](${source}) and [Durable Objects](${objects}) on ${asOf}, for a million:
requests to the Worker $${per.requests}, CPU milliseconds $${per.cpuMilliseconds}, object requests $${per.objectRequests}, rows written
$${per.rowsWritten}, rows read $${per.rowsRead}, KV reads $${per.kvReads}; a gigabyte-second of objects $${per.gigabyteSeconds}, of which a second of an
object is ${PRICES.objectGigabytes}. Storage is not in it.`

function priceRow(cost: Cost): string {
  const { kind, counts, cpuMilliseconds } = cost
  const total = (what: keyof Usage): number => totalOf(sharesOf(counts, what))
  const cells = [total("requests"), total("written"), total("read"), total("waited") / 1000, cpuMilliseconds]
  return row([kind.name, kind.pace, `$${priceOf(cost).toFixed(2)}`, ...cells.map(shown)])
}

function sharesRow({ kind, counts }: Cost): string {
  const [requests, written] = [sharesOf(counts, "requests"), sharesOf(counts, "written")]
  const cells = [requests, written].flatMap(({ ledger, log, others, isolate }) => [ledger, log, others, isolate])
  const more = [totalOf(sharesOf(counts, "wakings")), totalOf(sharesOf(counts, "alarms")), counts.kvReads]
  return row([kind.name, kind.pace, ...[...cells, ...more].map(shown)])
}

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`

/** Rounded up, so that what the page says is never less than what was counted. */
function shown(value: number): string {
  const unit = value < 1 ? 1000 : 100
  // A sum of binary fractions is a little off.
  return String(Math.ceil(value * unit - 1e-6) / unit)
}

function machine(): string {
  const [cpu] = cpus()
  return `${cpus().length} × ${cpu?.model ?? "an unknown processor"}`
}

export interface Said {
  readonly cpuMilliseconds: number
  readonly objectSeconds: number
  readonly requests: Shares
  readonly written: Shares
}

/** What the page says of a kind. Null: nothing. */
export function saidOf(page: string, kind: Pick<Kind, "name" | "pace">): Said | null {
  const [prices, shares] = [cellsOf(page, "A million of each", kind), cellsOf(page, "Whose they are", kind)]
  if (!prices || !shares) return null
  const [objectSeconds = NaN, cpuMilliseconds = NaN] = prices.slice(7, 9).map(Number)
  const sharesFrom = (at: number): Shares => {
    const [ledger = NaN, log = NaN, others = NaN, isolate = NaN] = shares.slice(at, at + 4).map(Number)
    return { ledger, log, others, isolate }
  }
  return { cpuMilliseconds, objectSeconds, requests: sharesFrom(3), written: sharesFrom(7) }
}

/** The row of a kind below a heading, from the empty cell before its name on. */
function cellsOf(page: string, heading: string, { name, pace }: Pick<Kind, "name" | "pace">) {
  const [, below = ""] = page.split(`## ${heading}\n`)
  const [section = ""] = below.split("\n## ")
  const rows = section.split("\n").map((line) => line.split("|").map((cell) => cell.trim()))
  return rows.find(([, first, second]) => first === name && second === pace)
}
