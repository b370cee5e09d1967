/**
 * The layout of `src/`, read from disk: which room may import which, and how large a file may be; and what the package may
 * hold. `docs/architecture.md` says what each room holds. `npx vitest run test/node/layout.test.ts --reporter=verbose` shows
 * the figures of today in the names of the tests.
 */
import { globSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, posix } from "node:path"
import { describe, expect, it } from "vitest"

const ROOT = join(import.meta.dirname, "../..")
const SRC = join(ROOT, "src")

const MAX_ENTRIES = 19
const MAX_MEDIAN_LINES = 130

/** The rooms from the top down. A room imports rooms of lower layers alone: not its neighbours, and none above. */
const LAYERS: readonly (readonly string[])[] = [
  ["index.ts"],
  ["app.ts"],
  ["console"],
  ["gateway", "authorization-server", "api", "probe"],
  ["export"],
  ["ledger", "revocation", "web", "api/contract"],
  ["audit", "notifications"],
  ["request-context.ts"],
  ["signing"],
  ["credentials", "bundles"],
  ["platform"],
  ["core/explanation", "core/metrics"],
  ["core/proof"],
  ["core/record", "core/notices"],
  ["core/decision"],
  ["core/task", "core/signals"],
  ["core/policy"],
  ["core/guardrails"],
  ["core/catalog"],
  ["core/denials"],
  ["core/keys"],
  ["core/encoding"],
]

/** Rooms that know neither platform nor clock, and import nothing that does: what they decide depends on its input alone. */
const isPure = (room: string) => room.startsWith("core/") || room === "api/contract"
const isPlatform = (specifier: string) => /^(?:cloudflare:|node:|hono(?:\/|$)|jose(?:\/|$))/.test(specifier)

interface Import {
  /** Path below `src/`. */
  readonly from: string
  /** Path below `src/`, or the name of a module from elsewhere. */
  readonly to: string
}

/** Types count: a type that is imported is knowledge of the other file as much as a function is. */
const STATEMENT = /^(?:import|export)\b[^"]*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm

function importsOf(file: string, source: string): Import[] {
  return Array.from(source.matchAll(STATEMENT), ([, from, effect, dynamic]) => {
    const specifier = from ?? effect ?? dynamic ?? ""
    const path = specifier.replace(/\?.*$/, "")
    return { from: file, to: path.startsWith(".") ? posix.join(posix.dirname(file), path) : path }
  })
}

/** The longest name of a room that the file is in: `core/policy/cedar/compile.ts` is in `core/policy`. */
function roomOf(file: string): string {
  const rooms = LAYERS.flat().filter((room) => file === room || file.startsWith(`${room}/`))
  return rooms.toSorted((a, b) => b.length - a.length)[0] ?? `no room has ${file}: give it a place in LAYERS`
}

/** A file at the top of `src/` stands for itself. */
const folderOf = (file: string) => (dirname(file) === "." ? file : dirname(file))

/** The shortest way from one node to another, at least one step long; null if there is none. */
function wayBetween(start: string, isEnd: (node: string) => boolean, next: (node: string) => Iterable<string>) {
  const ways = [[start]]
  const seen = new Set<string>()
  for (const way of ways) {
    for (const node of next(way.at(-1) ?? start)) {
      if (isEnd(node)) return [...way, node]
      if (!seen.has(node)) ways.push([...way, node])
      seen.add(node)
    }
  }
  return null
}

/** The shortest circle of folders that import one another, with an import for each of its arrows; null if there is none. */
function circleIn(imports: readonly Import[]): string | null {
  const arrows = Map.groupBy(
    imports.filter(({ from, to }) => folderOf(from) !== folderOf(to)),
    ({ from }) => folderOf(from),
  )
  const next = (folder: string) => (arrows.get(folder) ?? []).map(({ to }) => folderOf(to))
  const circles = [...arrows.keys()].flatMap((folder) => [wayBetween(folder, (other) => other === folder, next) ?? []])
  const [circle] = circles.filter((way) => way.length > 0).toSorted((a, b) => a.length - b.length)
  if (circle === undefined) return null
  const because = circle.slice(1).map((folder, index) => {
    const arrow = arrows.get(circle[index] ?? "")?.find(({ to }) => folderOf(to) === folder)
    return `${arrow?.from} imports ${arrow?.to}`
  })
  return [circle.join(" → "), ...because].join("\n  ")
}

function againstLayers(imports: readonly Import[]): string[] {
  const layerOf = (room: string) => LAYERS.findIndex((layer) => layer.includes(room))
  return imports.flatMap(({ from, to }) => {
    const [room, other] = [roomOf(from), roomOf(to)]
    const fits = room === other || (layerOf(room) >= 0 && layerOf(room) < layerOf(other))
    return fits ? [] : [`${room} → ${other}: ${from} imports ${to}`]
  })
}

/**
 * How pure rooms come to a module of the platform, if only through files of other rooms. Of a way that leads through
 * several pure files, only the last part is reported: the other files reach the platform by no fault of their own.
 */
function reachedPlatform(imports: readonly Import[]): string[] {
  const bySource = Map.groupBy(imports, ({ from }) => from)
  const next = (file: string) => (bySource.get(file) ?? []).map(({ to }) => to)
  return [...bySource.keys()]
    .filter((file) => isPure(roomOf(file)))
    .flatMap((file) => {
      const way = wayBetween(file, isPlatform, next)
      return way === null || isPure(roomOf(way[1] ?? "")) ? [] : way.join(" → ")
    })
}

const sources = new Map(
  globSync("**/*.{ts,tsx,js}", { cwd: SRC }).map((file) => [file, readFileSync(join(SRC, file), "utf8")]),
)
const imports = [...sources].flatMap(([file, source]) => importsOf(file, source))
const within = imports.filter(({ to }) => sources.has(to))

const entries = readdirSync(SRC)
const folders = new Set(Array.from(sources.keys(), folderOf))
const lengths = Array.from(sources.values(), (source) => source.split("\n").length - 1).toSorted((a, b) => a - b)
const median = lengths[Math.floor(lengths.length / 2)] ?? 0

describe("layout of src/", () => {
  it(`no circle among ${folders.size} folders`, () => {
    expect(within.length).toBeGreaterThan(1000)
    expect(circleIn(within)).toBeNull()
  })

  it(`no import against the layers among ${within.length}`, () => {
    expect(againstLayers(within)).toEqual([])
  })

  it("no pure room reaches a module of the platform", () => {
    expect(reachedPlatform(imports)).toEqual([])
  })

  it(`${entries.length} entries at the top, at most ${MAX_ENTRIES}`, () => {
    expect(entries.length, entries.join(", ")).toBeLessThanOrEqual(MAX_ENTRIES)
  })

  it(`${median} lines in the median file of ${lengths.length}, at most ${MAX_MEDIAN_LINES}`, () => {
    expect(median).toBeLessThanOrEqual(MAX_MEDIAN_LINES)
  })
})

/** The programs of the package and all files of ours that they import, below the root. */
function packaged(programs: readonly string[]): ReadonlySet<string> {
  const files = new Set(programs)
  for (const file of files) {
    const source = readFileSync(join(ROOT, file), "utf8")
    for (const { to } of importsOf(file, source)) if (/^\w+\/.*\.tsx?$/.test(to)) files.add(to)
  }
  return files
}

describe("the package", () => {
  const { files: programs }: { readonly files: readonly string[] } = JSON.parse(
    readFileSync(join(ROOT, "tsconfig.package.json"), "utf8"),
  )

  it("has nothing of the Worker but its pure rooms, beside the built one, and nothing that only tests need", () => {
    const files = [...packaged(programs)]
    expect(files.length).toBeGreaterThan(400)
    const ofTheWorker = files.filter((file) => file.startsWith("src/")).map((file) => file.slice("src/".length))
    expect(ofTheWorker.filter((file) => !isPure(roomOf(file)))).toEqual([])
    expect(files.filter((file) => /^(?:test|bench)\//.test(file))).toEqual([])
  })
})

describe("the check of the layout", () => {
  it("names a circle of folders, and the imports that close it", () => {
    const planted = { from: "core/denials/denial.ts", to: "core/task/state.ts" }
    const circle = circleIn([...within, planted])
    expect(circle).toContain("core/denials/denial.ts imports core/task/state.ts")
    expect(circle).toMatch(
      /^core\/denials → core\/task → (?:\S+ → )?core\/denials\n|^core\/task → (?:\S+ → )?core\/denials → core\/task\n/,
    )
  })

  it("names an import of a room above, of a neighbour, and of a folder that has no place", () => {
    expect(againstLayers([{ from: "ledger/calls.ts", to: "gateway/answer.ts" }])).toEqual([
      "ledger → gateway: ledger/calls.ts imports gateway/answer.ts",
    ])
    expect(againstLayers([{ from: "gateway/answer.ts", to: "probe/tools.ts" }])).toHaveLength(1)
    expect(againstLayers([{ from: "app.ts", to: "helpers/text.ts" }])).toHaveLength(1)
  })

  it("names the way on which a pure room reaches the platform", () => {
    const way = importsOf("core/task/open.ts", 'import type { Log } from "../../platform/log.ts"\n')
    const platform = importsOf("platform/log.ts", 'import { DurableObject } from "cloudflare:workers"\n')
    expect(reachedPlatform([...way, ...platform])).toEqual(["core/task/open.ts → platform/log.ts → cloudflare:workers"])
  })
})
