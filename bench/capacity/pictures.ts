/** Two pictures of a scenario, as SVG: what it costs, and how much of its limits it uses, as it grows. */
import type { CostsTable } from "./costs-table.ts"
import { predict, type Prediction } from "./model.ts"
import type { Scenario } from "./scenario.ts"
import { count, dollars } from "./figures.ts"

/** As many times as much work as the scenario says, of the same people and agents. */
const FACTORS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100] as const
const MOST_LIMITS = 4

export function picturesOf(scenario: Scenario, table: CostsTable): Readonly<Record<"cost" | "limits", string>> {
  const grown = FACTORS.map((factor) => predict(times(scenario, factor), table))
  return { cost: costPicture(scenario, grown), limits: limitsPicture(scenario, grown) }
}

const times = (scenario: Scenario, factor: number): Scenario => ({
  ...scenario,
  workloads: scenario.workloads.map((workload) => ({ ...workload, tasks: workload.tasks * factor })),
})

function costPicture({ title }: Scenario, grown: readonly Prediction[]): string {
  const points = grown.map(({ callsPerDay, price }): Point => [callsPerDay, price])
  return chart({
    title: `${title}: US dollars a month over calls a day`,
    x: { label: "calls a day", format: count },
    y: { label: "$ a month", format: (value) => dollars(value).replace(/\.00$/, "") },
    lines: [{ name: "", points }],
    mark: points[FACTORS.indexOf(1)] ?? null,
    threshold: null,
  })
}

function limitsPicture({ title }: Scenario, grown: readonly Prediction[]): string {
  const now = grown[FACTORS.indexOf(1)]
  const chosen = (now?.limits ?? []).slice(0, MOST_LIMITS)
  const lines = chosen.map(({ id, what }) => ({
    name: what,
    points: grown.map(({ mean, limits }): Point => [mean, limits.find((each) => each.id === id)?.used ?? 0]),
  }))
  const [first] = lines
    .map(({ name, points }) => ({ name, at: crossing(points) }))
    .toSorted((one, other) => one.at - other.at)
  return chart({
    title: `${title}: used part of limits over calls a second`,
    x: {
      label: "calls a second, on average over the day",
      format: (value) => Number(value.toPrecision(2)).toLocaleString("en-US"),
    },
    y: {
      label: "used part of the limit",
      format: (value) => `${Number((value * 100).toPrecision(2)).toLocaleString("en-US")} %`,
    },
    lines,
    mark: now && chosen[0] ? [now.mean, chosen[0].used] : null,
    threshold: {
      met: first && Number.isFinite(first.at) ? [first.at, 1] : null,
      label: `met first: ${first?.name ?? ""}`,
    },
  })
}

/** Where the line reaches 1; Infinity if it does not. Between two points it is straight on logarithmic axes. */
function crossing(points: readonly Point[]): number {
  const index = points.findIndex(([, used]) => used >= 1)
  const [after, before] = [points[index], points[index - 1]]
  if (!after) return Number.POSITIVE_INFINITY
  if (!before) return after[0]
  const part = Math.log(before[1]) / (Math.log(before[1]) - Math.log(after[1]))
  return before[0] * (after[0] / before[0]) ** part
}

type Point = readonly [x: number, y: number]

interface Axis {
  readonly label: string
  readonly format: (value: number) => string
}

interface Chart {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly { readonly name: string; readonly points: readonly Point[] }[]
  /** The scenario as it is. */
  readonly mark: Point | null
  /** At 1, and where a line meets it first. */
  readonly threshold: { readonly met: Point | null; readonly label: string } | null
}

const [WIDTH, HEIGHT] = [720, 400]
const BOX = { left: 80, right: 700, top: 44, bottom: 300 } as const
/** On white and on black they have a contrast of at least 3. */
const COLOURS = ["#2f7fd0", "#c05a1f", "#2e8b57", "#a24fc0"] as const
const GREY = "#808080"
const RED = "#d6423b"

/** Both axes are logarithmic. */
function chart({ title, x, y, lines, mark, threshold }: Chart): string {
  const all = lines.flatMap(({ points }) => points)
  const [xs, ys] = [all.map(([at]) => at), all.map(([, at]) => at).filter((at) => at > 0)]
  const [xOf, yOf] = [scale(xs, BOX.left, BOX.right), scale([...ys, ...(threshold ? [1] : [])], BOX.bottom, BOX.top)]
  const text = (at: Point, content: string, more = ""): string =>
    `<text x="${round(at[0])}" y="${round(at[1])}" fill="${GREY}"${more}>${escaped(content)}</text>`
  const grid = [
    ...ticks(xs).map((value) => {
      const at = xOf(value)
      return `<path d="M${round(at)} ${BOX.top}V${BOX.bottom}" stroke="${GREY}" stroke-opacity=".25"/>${text([at, BOX.bottom + 18], x.format(value), ' text-anchor="middle"')}`
    }),
    ...ticks(ys).map((value) => {
      const at = yOf(value)
      return `<path d="M${BOX.left} ${round(at)}H${BOX.right}" stroke="${GREY}" stroke-opacity=".25"/>${text([BOX.left - 8, at + 4], y.format(value), ' text-anchor="end"')}`
    }),
  ]
  const drawn = lines.flatMap(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? GREY
    const path = points.map(
      ([px, py], at) => `${at === 0 ? "M" : "L"}${round(xOf(px))} ${round(yOf(Math.max(py, Number.MIN_VALUE)))}`,
    )
    const legend = BOX.bottom + 58 + (index >> 1) * 20
    const left = index % 2 === 0 ? BOX.left : BOX.left + 310
    return [
      `<path d="${path.join("")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...(name === ""
        ? []
        : [
            `<path d="M${left} ${legend - 4}h18" stroke="${colour}" stroke-width="2"/>${text([left + 24, legend], name)}`,
          ]),
    ]
  })
  const limit = threshold
    ? [
        `<path d="M${BOX.left} ${round(yOf(1))}H${BOX.right}" stroke="${RED}" stroke-dasharray="6 4"/>`,
        ...(threshold.met
          ? [
              `<circle cx="${round(xOf(threshold.met[0]))}" cy="${round(yOf(1))}" r="5" fill="${RED}"/>`,
              `<text x="${BOX.right}" y="${BOX.top - 6}" fill="${RED}" text-anchor="end">${escaped(threshold.label)}</text>`,
            ]
          : []),
      ]
    : []
  const dot = mark
    ? [
        `<circle cx="${round(xOf(mark[0]))}" cy="${round(yOf(mark[1]))}" r="5" fill="${COLOURS[0]}"/>`,
        text([xOf(mark[0]) + 9, yOf(mark[1]) + 16], "the scenario"),
      ]
    : []
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    text([BOX.left, 20], title, ' font-size="14"'),
    text([BOX.left, 38], y.label),
    text([BOX.right, BOX.bottom + 34], x.label, ' text-anchor="end"'),
    ...grid,
    ...limit,
    ...drawn,
    ...dot,
    "</svg>",
    "",
  ].join("\n")
}

function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const [least, most] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))]
  const width = most > least ? most - least : 1
  return (value) => {
    const part = (Math.log10(value) - least) / width
    return from + Math.min(1, Math.max(0, part)) * (to - from)
  }
}

/** Powers of ten within the values; if there are fewer than two, the least and the most. */
function ticks(values: readonly number[]): readonly number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const powers: number[] = []
  for (let power = Math.ceil(Math.log10(least)); power <= Math.floor(Math.log10(most)); power++)
    powers.push(10 ** power)
  return powers.length > 1 ? powers : [least, most]
}

const round = (value: number): number => Math.round(value * 10) / 10

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
