/**
 * Turns tests as written into cases, each a query with everything that it starts from and its expected result; or
 * reports what is wrong in them.
 */
import type { Problem } from "../compiler/source/problem.ts"
import type { Path, Source } from "../compiler/source/source.ts"
import { readExpected } from "./expectation.ts"
import { Faulty, Layers, type Layer } from "./layers.ts"
import { readQuestion } from "./question.ts"
import {
  kindOf,
  questionOf,
  type TestQuestion,
  type QuestionKind,
  type Row,
  type TablesFile,
  type Test,
} from "./schema.ts"
import type { World } from "./names.ts"
import type { TestQuery, Expected } from "./scene.ts"

export interface Case {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly name: string
  readonly question: TestQuery
  readonly expected: Expected
  /** Where it stands in its file: a test, or a case of one. */
  readonly node: Path
  /** Where its expectation stands, which other cases may share. */
  readonly expectation: Path | null
}

export interface Cases {
  readonly cases: readonly Case[]
  readonly problems: readonly Problem[]
}

export function casesOf(source: Source<TablesFile>, world: World): Cases {
  const { given, tests } = source.value
  const base: Layer[] = given ? [{ value: { given }, at: (key) => [key] }] : []
  const cases: Case[] = []
  const problems: Problem[] = []
  const names = new Map<string, number>()
  for (const { layers: own, name, path, node } of tests.flatMap((test, index) => layersOf(test, ["tests", index]))) {
    const place = source.place(path)
    const other = names.get(name)
    if (other === undefined) names.set(name, place.line)
    else problems.push(source.error(path, `line ${other} has a test of this name too`, "Give it a name of its own."))
    try {
      const layers = new Layers(source, [...base, ...own], path)
      const question = readQuestion(layers, world)
      const expectation = layers.said("expect")?.path ?? null
      const expected = readExpected(layers, question, world.rules)
      cases.push({ ...place, name, question, expected, node, expectation })
    } catch (fault) {
      if (!(fault instanceof Faulty)) throw fault
      problems.push(fault.problem)
    }
  }
  return { cases, problems: distinct(problems) }
}

/** What is wrong in the `given` of a file is wrong in each of its tests. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()]
}

interface Layered {
  readonly layers: readonly Layer[]
  readonly name: string
  readonly path: Path
  readonly node: Path
}

function layersOf({ name, cases, ...value }: Test, path: Path): readonly Layered[] {
  const own: Layer = { value, at: (key) => [...path, key] }
  if (!cases) return [{ layers: [own], name, path: [...path, "name"], node: path }]
  return cases.map((one, index): Layered => {
    const place = [...path, "cases", index]
    const numbered = `${name} [${index + 1}]`
    if ("places" in one)
      return { layers: [own, rowLayer(one, kindOf(value), place)], name: numbered, path: place, node: place }
    const { name: ownName, ...more } = one
    const layer: Layer = { value: more, at: (key) => [...place, key] }
    return { layers: [own, layer], name: ownName ?? numbered, path: place, node: place }
  })
}

function rowLayer({ question, arguments: args, expect, places }: Row, kind: QuestionKind, path: Path): Layer {
  const asks = question === undefined ? {} : questionOf(question, kind)
  const cellOf = (key: keyof TestQuestion): number =>
    key === "expect" ? places.expect : key === "arguments" ? places.arguments : places.question
  return { value: { ...asks, ...(args && { arguments: args }), expect }, at: (key) => [...path, cellOf(key)] }
}
