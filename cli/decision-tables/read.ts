/** The decision tables of a policy directory, read and held against the bundle that its other files become. */
import type { Compiled } from "../compiler/compile.ts"
import { parseSource } from "../compiler/source/parse-source.ts"
import { byPlace, type Problem } from "../compiler/source/problem.ts"
import { parseYaml } from "../compiler/source/source.ts"
import { casesOf, type Case } from "./cases.ts"
import { tablesFile } from "./schema.ts"
import { worldOf } from "./names.ts"

interface Tables {
  /** Those that can be asked, in the order of file and line. */
  readonly cases: readonly Case[]
  readonly problems: readonly Problem[]
}

/** With the tests of the directory, and what is wrong in them, which keeps no bundle from being built. */
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

/** Where there is no bundle, what tests name cannot be looked up: only how they are written is checked. */
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
