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
import type { Run } from "../decision-tables/scene.ts"
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
  | { readonly kind: "alone"; readonly members: readonly string[] }
  | { readonly kind: "expects"; readonly text: string }
  | { readonly kind: "gone" }

interface Asking extends Run {
  readonly bundle: Bundle
}

export function amendTests(bundle: Bundle, cases: readonly Case[], texts: ReadonlyMap<string, string>): AmendedTests {
  const run: Asking = { ...runOn(bundle), bundle }
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
  run: Asking,
  yaml: YamlText,
  group: readonly Case[],
  wrong: readonly Case[],
): readonly Splice[] | null {
  const [first] = group
  if (!first) return []
  const test = first.node.slice(0, 2)
  for (const alone of alonesOf(run, first)) {
    if (!group.every((one) => passesAlone(run, one, alone))) continue
    const splices = aloneAt(yaml, test, alone.members)
    // A case that names another purpose itself would keep it.
    const own = alone.purpose === null ? [] : group.filter(({ node }) => node.length > 2)
    const others = own.flatMap(({ node }) => {
      const path = [...node, "given", "purpose"]
      return yaml.has(path) ? (yaml.value(path, alone.purpose ?? "") ?? []) : []
    })
    return splices && [...splices, ...others]
  }
  const all: Splice[] = []
  const gone = wrong.filter((one) => amendmentOf(run, one).kind === "gone")
  if (gone.length === group.length) {
    const splice = yaml.without(test)
    return splice && [splice]
  }
  for (const one of wrong) {
    const found = amend(run, yaml, one, group)
    if (!found) return null
    all.push(...found)
  }
  return all
}

function amend(run: Asking, yaml: YamlText, one: Case, group: readonly Case[]): readonly Splice[] | null {
  const amendment = amendmentOf(run, one)
  const { expectation, node } = one
  if (amendment.kind === "alone") {
    const { members } = amendment
    return yaml.isMap(node) ? aloneAt(yaml, node, members) : listed(aloneRow(yaml, node, members))
  }
  if (amendment.kind === "gone") return listed(yaml.without(node))
  if (expectation && (isWithin(expectation, node) || group.length === 1)) {
    return listed(yaml.value(expectation, amendment.text))
  }
  return yaml.isMap(node) ? listed(yaml.member(node, `expect: ${amendment.text}`)) : null
}

const listed = (splice: Splice | null): readonly Splice[] | null => splice && [splice]

function amendmentOf(run: Asking, one: Case): Amendment {
  const alone = alonesOf(run, one).find((each) => passesAlone(run, one, each))
  if (alone) return { kind: "alone", members: alone.members }
  const { result } = run.ask(one.question)
  const text = result.kind === "unopened" || result.kind === "interrupted" ? null : wordsOf(gotOf(result))
  return text === null ? { kind: "gone" } : { kind: "expects", text }
}

/** A situation in which no grant denies anything. */
interface Alone {
  readonly members: readonly string[]
  /** Of all tasks. Null: their own. */
  readonly purpose: string | null
}

/** Without grants the purpose makes no difference but for rules that read it; it has to be one that the agent has. */
function alonesOf({ bundle }: Asking, { question }: Case): readonly Alone[] {
  const agent = question.kind === "call" ? question.scene.chain.at(-1)?.agent : undefined
  const [purpose] = (agent === undefined ? undefined : bundle.agents.get(agent)?.purposes) ?? []
  const own: Alone = { members: [ALONE], purpose: null }
  return purpose === undefined ? [own] : [own, { members: [ALONE, `purpose: ${purpose}`], purpose }]
}

function passesAlone(run: Asking, { question, expected }: Case, { purpose }: Alone): boolean {
  if (question.kind !== "call") return false
  const { scene } = question
  const chain = purpose === null ? scene.chain : scene.chain.map((task) => ({ ...task, purpose }))
  const alone = { ...question, scene: { ...scene, chain, rulesAlone: true } }
  return differences(expected, gotOf(run.ask(alone).result)).length === 0
}

function wordsOf({ decision, scope }: Got): string {
  return scope.length > 0 ? `{ scope: [${scope.join(", ")}] }` : decision
}

const ALONE = "rules_alone: true"

/** In the `given` of a test or a case. */
function aloneAt(yaml: YamlText, node: Path, members: readonly string[]): readonly Splice[] | null {
  const given = [...node, "given"]
  if (!yaml.isMap(given)) {
    return listed(yaml.member(node, `given: { ${members.join(", ")} }`, node.length === 2 ? 1 : 0))
  }
  const splices = members.map((member) => {
    const [name = "", value = ""] = member.split(": ")
    return yaml.has([...given, name]) ? yaml.value([...given, name], value) : yaml.member(given, member)
  })
  const found = splices.filter((splice) => splice !== null)
  return found.length === members.length ? found : null
}

/** A row has no place for a situation: it becomes a map. */
function aloneRow(yaml: YamlText, node: Path, given: readonly string[]): Splice | null {
  const cells = [0, 1, 2].flatMap((index) => yaml.slice([...node, index]) ?? [])
  const expect = cells.at(-1)
  const before = cells.slice(0, -1)
  const args = before.find((cell) => cell.startsWith("{"))
  const call = before.find((cell) => !cell.startsWith("{"))
  const members = [
    `given: { ${given.join(", ")} }`,
    ...(call === undefined ? [] : [`call: ${call}`]),
    ...(args === undefined ? [] : [`arguments: ${args}`]),
    `expect: ${expect ?? "allow"}`,
  ]
  return yaml.value(node, `{ ${members.join(", ")} }`)
}

const isWithin = (path: Path, node: Path): boolean => node.every((step, index) => path[index] === step)
