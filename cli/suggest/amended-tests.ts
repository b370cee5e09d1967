/**
 * What the tests of a repository have to say once authority is fitted to its use. A test of rules still asks them, of
 * tasks that hold every tool (`rules_alone`); a test of a grant says what it comes out as now. Whoever approves of the
 * suggestion sees each of them in its diff.
 */
import type { Splice } from "../import/text-edits.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { Path } from "../compiler/source/source.ts"
import type { Case } from "../decision-tables/cases.ts"
import { differences, gotOf, type Got } from "../decision-tables/expect.ts"
import { runOn } from "../decision-tables/run.ts"
import type { Run, TestQuery } from "../decision-tables/scene.ts"
import { YamlText } from "./yaml-edits.ts"

export interface AmendedTests {
  /** By file. */
  readonly splices: ReadonlyMap<string, readonly Splice[]>
  readonly amended: number
  /** They fail, and there is no place to say so. */
  readonly failing: readonly string[]
}

/** What becomes of one case that comes out otherwise. */
type Amendment =
  | { readonly kind: "alone" }
  | { readonly kind: "expects"; readonly text: string }
  | { readonly kind: "gone" }

export function amendTests(bundle: Bundle, cases: readonly Case[], texts: ReadonlyMap<string, string>): AmendedTests {
  const run = runOn(bundle)
  const splices = new Map<string, Splice[]>()
  const failing: string[] = []
  let amended = 0
  for (const [file, ofFile] of Map.groupBy(cases, (one) => one.file)) {
    const yaml = new YamlText(texts.get(file) ?? "")
    for (const group of Map.groupBy(ofFile, ({ node }) => node[1]).values()) {
      const wrong = group.filter((one) => differences(one.expected, gotOf(run.ask(one.question).result)).length > 0)
      if (wrong.length === 0) continue
      amended += wrong.length
      const found = amendGroup(run, yaml, group, wrong)
      if (found) splices.set(file, [...(splices.get(file) ?? []), ...found])
      else failing.push(...wrong.map(({ name }) => `${file}: ${name}`))
    }
  }
  return { splices, amended, failing }
}

function amendGroup(
  run: Run,
  yaml: YamlText,
  group: readonly Case[],
  wrong: readonly Case[],
): readonly Splice[] | null {
  const [first] = group
  if (!first) return []
  const test = first.node.slice(0, 2)
  if (group.every((one) => passesAlone(run, one))) {
    const alone = aloneAt(yaml, test)
    return alone && [alone]
  }
  const all: Splice[] = []
  const gone = wrong.filter((one) => amendmentOf(run, one).kind === "gone")
  if (gone.length === group.length) {
    const splice = yaml.without(test)
    return splice && [splice]
  }
  for (const one of wrong) {
    const splice = amend(run, yaml, one, group)
    if (!splice) return null
    all.push(splice)
  }
  return all
}

function amend(run: Run, yaml: YamlText, one: Case, group: readonly Case[]): Splice | null {
  const amendment = amendmentOf(run, one)
  if (amendment.kind === "gone") return yaml.without(one.node)
  if (amendment.kind === "alone") return yaml.isMap(one.node) ? aloneAt(yaml, one.node) : aloneRow(yaml, one.node)
  const { expectation, node } = one
  if (expectation && (isWithin(expectation, node) || group.length === 1)) return yaml.value(expectation, amendment.text)
  return yaml.isMap(node) ? yaml.member(node, `expect: ${amendment.text}`) : null
}

function amendmentOf(run: Run, one: Case): Amendment {
  if (passesAlone(run, one)) return { kind: "alone" }
  const { result } = run.ask(one.question)
  const text = result.kind === "unopened" || result.kind === "interrupted" ? null : wordsOf(gotOf(result))
  return text === null ? { kind: "gone" } : { kind: "expects", text }
}

function passesAlone(run: Run, { question, expected }: Case): boolean {
  const alone = withoutGrants(question)
  return alone !== null && differences(expected, gotOf(run.ask(alone).result)).length === 0
}

function withoutGrants(question: TestQuery): TestQuery | null {
  return question.kind === "call" ? { ...question, scene: { ...question.scene, rulesAlone: true } } : null
}

function wordsOf({ decision, scope }: Got): string {
  return scope.length > 0 ? `{ scope: [${scope.join(", ")}] }` : decision
}

const ALONE = "rules_alone: true"

/** In the `given` of a test or a case. */
function aloneAt(yaml: YamlText, node: Path): Splice | null {
  const given = [...node, "given"]
  if (yaml.has([...given, "rules_alone"])) return yaml.value([...given, "rules_alone"], "true")
  if (yaml.isMap(given)) return yaml.member(given, ALONE)
  return yaml.member(node, `given: { ${ALONE} }`, node.length === 2 ? 1 : 0)
}

/** A row has no place for a situation: it becomes a map. */
function aloneRow(yaml: YamlText, node: Path): Splice | null {
  const cells = [0, 1, 2].flatMap((index) => yaml.slice([...node, index]) ?? [])
  const expect = cells.at(-1)
  const before = cells.slice(0, -1)
  const args = before.find((cell) => cell.startsWith("{"))
  const call = before.find((cell) => !cell.startsWith("{"))
  const members = [
    `given: { ${ALONE} }`,
    ...(call === undefined ? [] : [`call: ${call}`]),
    ...(args === undefined ? [] : [`arguments: ${args}`]),
    `expect: ${expect ?? "allow"}`,
  ]
  return yaml.value(node, `{ ${members.join(", ")} }`)
}

const isWithin = (path: Path, node: Path): boolean => node.every((step, index) => path[index] === step)
