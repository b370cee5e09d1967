/** The decision tables of a policy directory, read and checked against the bundle of its other files. */
import type { Compiled } from "../compiler/compile.ts"
import { parseSource } from "../compiler/source/parse-source.ts"
import { byPlace, type Problem } from "../compiler/source/problem.ts"
import { parseYaml } from "../compiler/source/source.ts"
import { casesOf, type Case } from "./cases.ts"
import { tablesFile } from "./schema.ts"
import { worldOf } from "./names.ts"

interface Tables {
  /** Cases that can be run, in the order of file and line. */
  readonly cases: readonly Case[]
  readonly problems: readonly Problem[]
}

/** With the tests of the directory and the problems in them, which keep no bundle from being built. */
export function withTables(compiled: Compiled): Compiled & Pick<Tables, "cases"> {
  const { problems, texts, tables } = compiled
  const read = readTables(compiled)
  return {
    ...compiled,
    problems: [...problems, ...read.problems],
    texts: new Map([...texts, ...tables]),
    cases: read.cases,
  }
}

/** Without a bundle the names in tests cannot be looked up: only the form of the tests is checked. */
function readTables({ body, tables }: Pick<Compiled, "body" | "tables">): Tables {
  const world = body && worldOf(body)
  const read = Array.from(tables, ([file, text]): Tables => {
    const parsed = parseSource(parseYaml(file, text), tablesFile)
    if (!parsed.ok) return { cases: [], problems: parsed.problems }
    return world ? casesOf(parsed.source, world) : { cases: [], problems: [] }
  })
  return {
    cases: read.flatMap(({ cases }) => cases),
    problems: read.flatMap(({ problems }) => problems).toSorted(byPlace),
  }
}
