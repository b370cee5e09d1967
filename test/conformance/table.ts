/** The table at the end of a conformance run: cases by folder, and the deliberate deviations with their reasons. */
import type { TestModule } from "vitest/node"
import { FOLDERS, type Folder } from "./folders.ts"

interface Tally {
  run: number
  passed: number
  /** Cases with at least one deviation. */
  deviating: number
  /** How many cases deviate in this way. */
  readonly ways: Map<string, number>
}

/** `lacking`: vectors are there, and of some folder nothing was run. */
export function tableOf(modules: readonly TestModule[], given: boolean): { text: string; lacking: boolean } {
  if (!given) {
    const skipped = FOLDERS.map((folder) => `  ${folder}: skipped`)
    return { text: ["CONFORMANCE_VECTORS is not set, no vectors were run:", ...skipped].join("\n"), lacking: false }
  }
  const tallies = tally(modules)
  const rows = [...tallies].map(
    ([folder, { run, passed, deviating }]) =>
      `  ${folder.padEnd(20)} ${[run, passed, run - passed, deviating].map((count) => String(count).padStart(9)).join(" ")}`,
  )
  const ways = [...tallies].flatMap(([folder, { ways }]) =>
    [...ways].map(([way, count]) => `  ${folder}, ${count} ${count === 1 ? "case" : "cases"}: ${way}`),
  )
  const head = `  ${"folder".padEnd(20)}     cases    passed    failed  deviating`
  return {
    text: [head, ...rows, "", "Deliberate deviations:", ...ways].join("\n"),
    lacking: [...tallies.values()].some(({ run }) => run === 0),
  }
}

function tally(modules: readonly TestModule[]): ReadonlyMap<Folder, Tally> {
  const tallies = new Map(FOLDERS.map((folder) => [folder, { run: 0, passed: 0, deviating: 0, ways: new Map() }]))
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { conformance } = test.meta()
      const counted = conformance && tallies.get(conformance.folder)
      if (!counted) continue
      counted.run += 1
      if (test.result().state === "passed") counted.passed += 1
      if (conformance.deviations.length > 0) counted.deviating += 1
      for (const { what, why, evidence } of conformance.deviations) {
        const way = `${what}\n      ${why}\n      said: ${evidence}`
        counted.ways.set(way, (counted.ways.get(way) ?? 0) + 1)
      }
    }
  }
  return tallies
}
