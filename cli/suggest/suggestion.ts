/**
 * The suggestion: the files of a policy repository as they would be if authority were fitted to its use, checked by the
 * compiler, its tests and a replay. It is made of what records show, and nothing else: the same records give the same
 * text.
 */
import { SCHEMA, withArguments } from "../import/schema-text.ts"
import { spliced, unifiedDiff, type Splice } from "../import/text-edits.ts"
import { compileFiles, type Compiled } from "../compiler/compile.ts"
import type { Problem } from "../compiler/source/problem.ts"
import { withTables } from "../decision-tables/read.ts"
import { differences, gotOf } from "../decision-tables/expect.ts"
import { runOn } from "../decision-tables/run.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { amendTests } from "./amended-tests.ts"
import { editAgents, type GrantChange, type Subjects } from "./agents-edits.ts"
import { catalogBounds } from "./catalog-bounds.ts"
import { closedAgents } from "./closed-agents.ts"
import type { ObservedUse } from "./observed-use.ts"
import { withDeclaredBounds } from "./schema-bounds.ts"
import { RULES, rulesText, type UnpermittedUse } from "./rules-text.ts"
import { suggestedTests, TESTS } from "./suggested-tests.ts"
import { windowsFor } from "./windows-text.ts"

export interface Base {
  readonly body: BundleBody
  readonly compiled: Compiled
}

export interface Suggestion {
  /** Texts of files that change, by path. */
  readonly files: ReadonlyMap<string, string>
  /** As `diff -u` shows it. */
  readonly diff: string
  readonly grants: readonly GrantChange[]
  readonly bundle: Bundle
  /** Tests that were changed because they expected what was never used. */
  readonly amended: number
  /** Cases of the table that was added. */
  readonly tests: number
  readonly notes: readonly string[]
}

/** What a grant need not have. */
const OPTIONS = ["windows", "bounds", "budgets"] as const
type Option = (typeof OPTIONS)[number]

/** What keeps the suggestion from being one: the problems of what it would be. */
export interface Unusable {
  readonly problems: readonly Problem[]
  readonly failing: readonly string[]
  /** What it would decide all the same; absent if it does not compile. */
  readonly bundle?: Bundle
}

export function suggestionFor(
  base: Base,
  use: ObservedUse,
  subjects: Subjects,
  unpermitted: readonly UnpermittedUse[] = [],
): Suggestion | Unusable {
  let first: Unusable | null = null
  // Whatever is optional must bring no warning: it is left out, one kind after the other, until there is none.
  for (const choice of choices()) {
    const made = suggestOnly(base, use, subjects, unpermitted, new Set(choice))
    if (!("problems" in made)) return withNotes(made, choice)
    first ??= made
  }
  return first ?? { problems: [], failing: [] }
}

function* choices(): Generator<readonly Option[]> {
  yield OPTIONS
  for (const left of OPTIONS) yield OPTIONS.filter((option) => option !== left)
  for (const only of OPTIONS) yield [only]
  yield []
}

function withNotes(made: Suggestion, choice: readonly Option[]): Suggestion {
  const left = OPTIONS.filter((option) => !choice.includes(option))
  const notes = left.map(
    (option) => `no ${option} are suggested: \`narrowgate check\` would warn of them, or a test would fail`,
  )
  return { ...made, notes: [...made.notes, ...notes] }
}

function suggestOnly(
  { body, compiled }: Base,
  use: ObservedUse,
  subjects: Subjects,
  unpermitted: readonly UnpermittedUse[],
  options: ReadonlySet<Option>,
): Suggestion | Unusable {
  const edits = new Edits(new Map([...compiled.texts].filter(([file]) => !compiled.tables.has(file))), compiled.tables)
  const canNameBounds = withDeclaredBounds(edits.text(SCHEMA), ["suggested"]) !== null
  const own = new Set(Array.from(edits.text(RULES).matchAll(/@id\("([^"]*)"\)/gu), ([, id = ""]) => id))
  const otherIds = body.rules.map(({ id }) => id).filter((id) => !own.has(id))
  const withBounds = options.has("bounds")
  const rules = rulesText(body, use, subjects.agents, unpermitted, withBounds, canNameBounds, otherIds)
  if (rules.text !== "") edits.replace(RULES, rules.text)
  const named = rules.bounds.flatMap(({ boundName }) => boundName ?? [])
  const schema = withArguments(edits.text(SCHEMA), rules.typed)
  edits.replace(SCHEMA, withDeclaredBounds(schema.text, named) ?? schema.text)
  const bounds = catalogBounds(edits.text("catalog.yaml"), body, use, rules.bounds)
  if (!bounds) return { problems: [], failing: ["catalog.yaml has its bounds in one line"] }
  edits.splice("catalog.yaml", bounds)
  const closed = withBounds ? closedAgents(body, use, subjects.agents, rules.bounds) : new Map()
  const agents = editAgents(edits.text("agents.yaml"), body, use, subjects, options.has("budgets"), closed)
  edits.splice("agents.yaml", agents.splices)
  const windows = options.has("windows") ? windowsFor(edits.text("guardrails.yaml"), body, use, subjects.agents) : null
  edits.splice("guardrails.yaml", windows?.splices ?? [])
  const changed = compileFiles({ texts: edits.texts(), tables: edits.tables(), problems: [] })
  const before = new Set(compiled.problems.map(keyOf))
  const problems = changed.problems.filter((problem) => !before.has(keyOf(problem)))
  if (!changed.bundle || !changed.body || problems.length > 0)
    return { problems, failing: [], ...(changed.bundle && { bundle: changed.bundle }) }
  const tests = suggestedTests(changed.bundle, changed.body, body, use, subjects, rules.bounds)
  const { cases } = withTables({ ...changed, tables: withoutOwn(edits.tables()) })
  const amended = amendTests(changed.bundle, cases, edits.tables())
  for (const [file, splices] of amended.splices) edits.splice(file, splices)
  // Of what is granted no more an earlier suggestion has tests, which this one could not make again.
  const isAsBefore = edits.changed().size === 0 && edits.text(TESTS) !== ""
  if (tests.text !== "" && !isAsBefore) edits.replace(TESTS, `${schemaLine(edits.text("agents.yaml"))}${tests.text}`)
  const final = withTables({ ...changed, tables: edits.tables() })
  const failing = [...amended.failing, ...failingOf(changed.bundle, final.cases)]
  const wrong = final.problems.filter((problem) => !before.has(keyOf(problem)))
  if (failing.length > 0 || wrong.length > 0) return { problems: wrong, failing, bundle: changed.bundle }
  return {
    files: edits.changed(),
    diff: edits.diff(),
    grants: agents.grants,
    bundle: changed.bundle,
    amended: amended.amended,
    tests: isAsBefore ? 0 : tests.cases,
    notes: [...agents.notes, ...rules.notes, ...schema.notes, ...(windows?.notes ?? []), ...tests.notes],
  }
}

/** By which an editor finds the schema of tests: where it finds that of agents.yaml. */
function schemaLine(agents: string): string {
  const directory = /^# yaml-language-server: \$schema=(\S*)agents\.schema\.json$/mu.exec(agents)?.[1]
  return directory === undefined ? "" : `# yaml-language-server: $schema=${directory}test.schema.json\n`
}

/** A table of an earlier suggestion is written anew. */
function withoutOwn(tables: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...tables].filter(([file]) => file !== TESTS))
}

function failingOf(bundle: Bundle, cases: ReturnType<typeof withTables>["cases"]): readonly string[] {
  const run = runOn(bundle)
  return cases
    .filter(({ question, expected }) => differences(expected, gotOf(run.ask(question).result)).length > 0)
    .map(({ file, name }) => `${file}: ${name}`)
}

/** A place moves with what is written before it; the message tells them apart. */
const keyOf = ({ file, lint, message }: Problem): string => JSON.stringify([file, lint, message])

/** Texts and what becomes of them. */
class Edits {
  readonly #before: ReadonlyMap<string, string>
  readonly #tables: ReadonlySet<string>
  readonly #splices = new Map<string, Splice[]>()

  constructor(texts: ReadonlyMap<string, string>, tables: ReadonlyMap<string, string>) {
    this.#before = new Map([...texts, ...tables])
    this.#tables = new Set([...tables.keys(), TESTS])
  }

  text(file: string): string {
    return this.#before.get(file) ?? ""
  }

  splice(file: string, splices: readonly Splice[]): void {
    if (splices.length > 0) this.#splices.set(file, [...(this.#splices.get(file) ?? []), ...splices])
  }

  replace(file: string, text: string): void {
    const before = this.text(file)
    if (text !== before) this.#splices.set(file, [{ at: 0, remove: before.length, insert: text }])
  }

  texts(): ReadonlyMap<string, string> {
    return this.#all((file) => !this.#tables.has(file))
  }

  tables(): ReadonlyMap<string, string> {
    return this.#all((file) => this.#tables.has(file))
  }

  changed(): ReadonlyMap<string, string> {
    return new Map(Array.from(this.#splices, ([file, splices]) => [file, spliced(this.text(file), splices)]))
  }

  diff(): string {
    return [...this.#splices]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([file, splices]) => unifiedDiff(file, this.text(file), splices))
      .filter((diff) => diff !== "")
      .join("\n")
  }

  #all(isOf: (file: string) => boolean): ReadonlyMap<string, string> {
    const all = new Map([...this.#before, ...this.changed()])
    return new Map([...all].filter(([file]) => isOf(file)).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }
}
