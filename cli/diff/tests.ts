/** Runs the tests of two policy directories on both, and reports which have another result, and which are lost. */
import { isDeepStrictEqual } from "node:util"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { Compiled } from "../compiler/compile.ts"
import type { Case } from "../decision-tables/cases.ts"
import { gotOf, type Got } from "../decision-tables/expect.ts"
import { withTables } from "../decision-tables/read.ts"
import { runOn } from "../decision-tables/run.ts"

export interface Usable {
  readonly compiled: Compiled
  readonly body: BundleBody
  readonly bundle: Bundle
}

/** The side that has a test: both, if both make the same query under its name. */
type Origin = "both" | "base" | "candidate"

export interface FlippedTest {
  readonly file: string
  readonly name: string
  readonly of: Origin
  /** `allow`, the code of a denial, or the scopes of a task; null: the test cannot run there. */
  readonly from: string | null
  readonly to: string | null
}

/** A test of the base that the candidate lacks, or that makes another query there. */
export interface LostTest {
  readonly file: string
  readonly name: string
  readonly how: "removed" | "changed"
}

export interface ComparedTests {
  readonly asked: number
  readonly flips: readonly FlippedTest[]
  readonly lost: readonly LostTest[]
}

/**
 * Each test of either side runs on both: otherwise a test that is deleted together with its rule would go unnoticed.
 */
export function compareTests(base: Usable, candidate: Usable): ComparedTests {
  const [earlier, later] = [base, candidate].map(({ compiled: { tables } }) => [
    casesOn(base, tables),
    casesOn(candidate, tables),
  ])
  const [asBase, asCandidate] = [answering(base.bundle), answering(candidate.bundle)]
  const compared = ([before, after]: readonly Cases[] = [], of: (key: string) => Origin | null): FlippedTest[] =>
    keysOf(before, after).flatMap((key): FlippedTest[] => {
      const origin = of(key)
      const { file = "", name = "" } = before?.get(key) ?? after?.get(key) ?? {}
      return origin
        ? [{ file, name, of: origin, from: asBase(before?.get(key)), to: asCandidate(after?.get(key)) }]
        : []
    })
  const isKept = (key: string): boolean =>
    [0, 1].some((at) => asksAlike(earlier?.[at]?.get(key), later?.[at]?.get(key)))
  const tests = [
    ...compared(later, (key) => (isKept(key) ? "both" : "candidate")),
    ...compared(earlier, (key) => (isKept(key) ? null : "base")),
  ]
  const now = new Set(keysOf(...(later ?? [])))
  const lost = tests
    .filter(({ of }) => of === "base")
    .map(({ file, name }): LostTest => {
      return { file, name, how: now.has(keyOf({ file, name })) ? "changed" : "removed" }
    })
  return { asked: tests.length, flips: tests.filter(({ from, to }) => from !== to), lost }
}

type Cases = ReadonlyMap<string, Case>

const keyOf = ({ file, name }: Pick<Case, "file" | "name">): string => JSON.stringify([file, name])
const keysOf = (...sides: readonly (Cases | undefined)[]): readonly string[] => [
  ...new Set(sides.flatMap((cases) => Array.from(cases?.keys() ?? []))),
]

/** The tests of one side, in the words of the other side's bundle: those that can run on it. */
function casesOn({ compiled }: Usable, tables: Compiled["tables"]): Cases {
  const { cases } = withTables({ ...compiled, tables })
  return new Map(cases.map((one) => [keyOf(one), one]))
}

const asksAlike = (one: Case | undefined, other: Case | undefined): boolean =>
  one !== undefined && other !== undefined && isDeepStrictEqual(one.question, other.question)

function answering(bundle: Bundle): (testCase: Case | undefined) => string | null {
  const run = runOn(bundle)
  return (testCase) => (testCase ? wordsOf(gotOf(run.ask(testCase.question).result)) : null)
}

function wordsOf({ decision, scope, unasked }: Got): string {
  if (unasked !== null) return `${decision} (${unasked})`
  return scope.length > 0 ? `holds ${scope.toSorted().join(" ")}` : decision
}
