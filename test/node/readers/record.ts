/** `npm run record:readers`: records what the installed readers make of the corpus; the others keep theirs. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { corpus } from "./corpus.ts"
import { READERS, type Reading } from "./readers.ts"

/** What is read of each query, by the readers that agree on it. */
type Recorded = readonly { readonly query: string; readonly read: Readonly<Record<string, Reading>> }[]

const byName = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number =>
  one < other ? -1 : 1

const FILE = join(import.meta.dirname, "recorded.json")

const queries = corpus()
const read = new Map<string, readonly Reading[]>()
for (const [name, reader] of Object.entries(READERS)) {
  const readings = reader(queries)
  console.log(`${name}: ${readings ? "recorded" : "not installed, left as it was"}`)
  if (readings) read.set(name, readings)
}
let before: Recorded = []
try {
  before = JSON.parse(readFileSync(FILE, "utf8"))
} catch {
  console.log("nothing recorded before")
}
const known = new Map(before.map(({ query, read: readings }) => [query, readings]))
const recorded = queries.map((query, at) => {
  const readings = new Map<string, string[]>()
  const add = (name: string, reading: Reading): void => {
    const text = JSON.stringify(reading && Object.fromEntries(Object.entries(reading).toSorted(byName)))
    readings.set(text, [...(readings.get(text) ?? []), name])
  }
  for (const name of Object.keys(READERS)) {
    const now = read.get(name)
    const then = Object.entries(known.get(query) ?? {}).find(([names]) => names.split(" | ").includes(name))
    if (now) add(name, now[at] ?? null)
    else if (then) add(name, then[1])
  }
  const agreed = Array.from(readings, ([text, names]): [string, unknown] => [names.join(" | "), JSON.parse(text)])
  return JSON.stringify({ query, read: Object.fromEntries(agreed) })
})
writeFileSync(FILE, `[\n${recorded.join(",\n")}\n]\n`)
