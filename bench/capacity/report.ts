/** What the program prints: for people by the rules of the command line, and as JSON. */
import { colors } from "../../cli/terminal/colors.ts"
import { MONTH, PRICES } from "../costs/prices.ts"
import { isWithinError, MOST_ERROR, type Comparison } from "./check.ts"
import type { LimitState } from "./limits.ts"
import type { Prediction } from "./model.ts"
import { count, dollars, percent } from "./figures.ts"

/** The used part from which a limit is soon met. */
const SOON = 0.7

export function asText(prediction: Prediction): string {
  const { scenario, callsPerDay, mean, peak, price, priceAtEnd, history, classes, bill, limits, bursts } = prediction
  const { bold, dim } = colors
  const objects = classes.map(({ name, objects, busiestMean, busiestPeak, use, bytes }) => [
    name,
    count(objects),
    figure(busiestMean),
    figure(busiestPeak),
    count(use.requests),
    count(use.written),
    bytes > 0 ? `${count(bytes / 1e6)} MB` : "",
  ])
  const lines = bill
    .filter(({ amount }) => amount > 0)
    .map(({ what, amount, included, price: each }) => [what, count(amount), count(included), dollars(each)])
  return [
    `${bold(scenario.title)}: ${count(callsPerDay)} calls a day, ${figure(mean)} a second on average, ${figure(peak)} in the busiest hour`,
    "",
    table(["objects", "", "a second", "at peak", "requests/month", "rows/month", "stored"], objects),
    dim("  The second and third figures are requests to the busiest object of a class."),
    "",
    table(
      ["limit", "used", "load", "bears"],
      limits.map(({ what, used, load, bears }) => [what, percent(used), load, bears]),
    ),
    "",
    ...bursts.map(({ name, result: { requests, p50, p99, late } }) => {
      return `  burst of ${name}: ${count(requests)} calls wait ${figure(p50)} ms, the slowest hundredth ${figure(p99)} ms; ${count(late)} come too late and are denied`
    }),
    ...(bursts.length > 0 ? [""] : []),
    table(["a month", "amount", "included", "price"], lines),
    dim(`  Prices of Cloudflare's paid plan, read on ${PRICES.asOf} and ${MONTH.asOf}: bench/costs/prices.ts`),
    dim(
      `  What is stored is that of the first month, and grows: month ${count(scenario.months)} costs ${dollars(priceAtEnd)} in all.`,
    ),
    "",
    `  The logs reach back ${daysText(history)}.`,
    ...verdictOf(limits, price),
    "",
  ].join("\n")
}

function verdictOf(limits: readonly LimitState[], price: number): readonly string[] {
  const { red, yellow, green, cyan } = colors
  const [first] = limits
  const [mark, paint] = !first || first.used < SOON ? ["✓", green] : first.used < 1 ? ["!", yellow] : ["✗", red]
  const nearest = first ? `Nearest limit: ${first.what}, ${percent(first.used)} used.` : ""
  const exceeded = limits.filter(({ used }) => used >= 1).map(({ what }) => what)
  return [
    ...limits.filter(({ used }) => used >= SOON).map(({ what, change }) => `  ${cyan("fix:")} ${change} (${what})`),
    `${paint(mark)} ${exceeded.length > 0 ? `Exceeded: ${exceeded.join("; ")}.` : nearest} ${dollars(price)} a month.`,
  ]
}

export function asJson({ scenario, classes, limits, bill, bursts, days, ...totals }: Prediction): string {
  return JSON.stringify({ title: scenario.title, ...totals, classes, limits, bursts, bill, workloads: days }, null, 2)
}

function daysText(days: number): string {
  if (days > 3_650) return "more than ten years"
  if (days >= 2) return `${count(days)} days`
  return days * 24 >= 2 ? `${count(days * 24)} hours` : `${count(days * 24 * 60)} minutes`
}

export function comparisonsText(comparisons: readonly Comparison[]): string {
  const { green, red } = colors
  const worst = Math.max(...comparisons.map(({ error }) => error))
  const [mark, paint] = isWithinError(comparisons) ? ["✓", green] : ["✗", red]
  return [
    table(
      ["of the calls of the check", "predicted", "counted", "error"],
      comparisons.map(({ what, predicted, counted, error }) => [
        what,
        count(predicted),
        count(counted),
        percent(error),
      ]),
    ),
    `${paint(mark)} The greatest error is ${percent(worst)}, of ${percent(MOST_ERROR)} at most.`,
  ].join("\n")
}

const figure = (value: number): string => (value >= 10 ? count(value) : String(Number(value.toPrecision(2))))

/** The first column to the left, figures to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, at) => Math.max(cell.length, ...rows.map((row) => (row[at] ?? "").length)))
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join("  ")}`.trimEnd()
  return [colors.dim(line(head)), ...rows.map(line)].join("\n")
}
