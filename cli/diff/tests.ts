/** Tests of two policy directories, each asked of both: which come out otherwise. */
import type { Bundle } from "../../src/policy/assemble.ts"
import type { BundleBody } from "../../src/policy/bundle.ts"
import type { Compiled } from "../policies/compile.ts"
import { gotOf, type Got } from "../tables/expect.ts"
import { withTables } from "../tables/read.ts"
import { runOn } from "../tables/run.ts"

export interface Usable {
  readonly compiled: Compiled
  readonly body: BundleBody
  readonly bundle: Bundle
}

export interface FlippedTest {
  readonly file: string
  readonly name: string
  /** `allow`, the code of a denial, or the scopes of a task; null: the test cannot be asked there. */
  readonly from: string | null
  readonly to: string | null
}

export interface ComparedTests {
  readonly asked: number
  readonly flips: readonly FlippedTest[]
}

export function compareTests(base: Usable, candidate: Usable): ComparedTests {
  // Where both have a test of one name, the candidate's says what is meant now.
  const tables = new Map([...base.compiled.tables, ...candidate.compiled.tables])
  const [before, after] = [base, candidate].map((side) => answersOf(side, tables))
  const names = [...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])]
  const flips = names.flatMap((key): FlippedTest[] => {
    const [file = "", name = ""] = key.split("\0")
    const [from, to] = [before?.get(key) ?? null, after?.get(key) ?? null]
    return from === to ? [] : [{ file, name, from, to }]
  })
  return { asked: names.length, flips }
}

function answersOf({ compiled, bundle }: Usable, tables: Compiled["tables"]): ReadonlyMap<string, string> {
  const run = runOn(bundle)
  const { cases } = withTables({ ...compiled, tables })
  return new Map(
    cases.map(({ file, name, question }) => [`${file}\0${name}`, wordsOf(gotOf(run.ask(question).result))]),
  )
}

function wordsOf({ decision, scope, unasked }: Got): string {
  if (unasked !== null) return `${decision} (${unasked})`
  return scope.length > 0 ? `holds ${scope.toSorted().join(" ")}` : decision
}
