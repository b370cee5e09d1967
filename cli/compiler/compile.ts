/** `policies/` → the body of a bundle, or what keeps it from being one, and what in it is most likely a slip. */
import { assemble, type Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { encode } from "../../src/core/policy/encode.ts"
import { entityStore } from "../../src/core/policy/cedar/entities.ts"
import { checkLinks } from "./checks/links.ts"
import { checkMentions } from "./checks/mentions.ts"
import { checkManaged } from "./checks/management.ts"
import { checkNamedBounds } from "./checks/named-bounds.ts"
import { checkRemedies } from "./checks/remedies.ts"
import { crossCheck } from "./checks/table.ts"
import { silence } from "./lints/allow.ts"
import { subjectOf } from "./lints/subject.ts"
import { lint, RECORDED } from "./lints/table.ts"
import type { Use } from "./lints/use.ts"
import { lower, type Lowered } from "./rules/lower.ts"
import { bodyOf } from "./model/policy-files.ts"
import { parsePolicies, valuesOf } from "./model/policies.ts"
import { byPlace, type Problem } from "./source/problem.ts"
import { readPolicies, rulesIn, type PolicyFiles } from "./model/read-directory.ts"
import type { WrittenRule } from "./rules/source-rules.ts"

export interface Compiled {
  /** Null if there is any error; warnings do not keep a bundle from being built. */
  readonly body: BundleBody | null
  /** What the Worker would make of it, under no pointer. */
  readonly bundle: Bundle | null
  /** In the order of file, line and column. */
  readonly problems: readonly Problem[]
  /** The text of each file, by the path that problems name. */
  readonly texts: ReadonlyMap<string, string>
  /** The rules as they were written, by `@id`. */
  readonly written: ReadonlyMap<string, WrittenRule>
  /** The decision tables as text, by path: they are no part of a bundle. */
  readonly tables: ReadonlyMap<string, string>
}

/** @param use what decision records show of who used what, to be compared with what agents may use */
export async function compilePolicies(directory: string, use: Use | null = null): Promise<Compiled> {
  return compileFiles(await readPolicies(directory), use)
}

export function compileFiles({ texts, tables, problems: found }: PolicyFiles, use: Use | null = null): Compiled {
  const { policies, problems: parsed } = parsePolicies(texts)
  // Rules are independent of the other files but for the links, so that their problems show in the same run.
  const schema = texts.get("schema.cedarschema")
  const lowered = schema === undefined ? NO_RULES : lower(rulesIn(texts), schema, policies?.links)
  const compared = policies
    ? [
        ...crossCheck(policies),
        ...checkMentions(policies, lowered.placed, lowered.written),
        ...checkLinks(policies, lowered.placed),
        ...checkRemedies(policies, lowered.placed),
        ...checkNamedBounds(policies, lowered.placed),
      ]
    : []
  const problems = [...found, ...parsed, ...lowered.problems, ...compared]
  const usable = policies && !problems.some(({ severity }) => severity === "error")
  const body = usable ? bodyOf(valuesOf(policies), lowered.rules) : null
  const { written, placed } = lowered
  const read = { texts, written, tables }
  const loaded = body && load(body)
  if (!usable || !loaded) {
    const reported = silence(problems, texts, () => false)
    return { ...read, body: null, bundle: null, problems: reported.toSorted(byPlace) }
  }
  if ("severity" in loaded) {
    return { ...read, body: null, bundle: null, problems: [...problems, loaded].toSorted(byPlace) }
  }
  const managed = checkManaged(policies, loaded)
  const linted = lint(subjectOf({ policies, body, bundle: loaded, placed, problems, use }))
  const reported = silence(
    [...problems, ...managed, ...linted],
    texts,
    (name) => use !== null || !RECORDED.includes(name),
  )
  const isSound = !linted.some(({ severity }) => severity === "error")
  return { ...read, body: isSound ? body : null, bundle: isSound ? loaded : null, problems: reported.toSorted(byPlace) }
}

const NO_RULES: Lowered = { rules: [], written: new Map(), placed: [], problems: [] }

/** The Worker's own word: what it would not load must not be published, whatever the checks here missed. */
function load(body: BundleBody): Bundle | Problem {
  try {
    const bundle = assemble(encode(body), { seq: 0, digest: "" })
    bundle.engine.compileAll()
    entityStore(body.entities)
    return bundle
  } catch (fault) {
    const message = `the Worker would refuse this bundle: ${fault instanceof Error ? fault.message : "unknown fault"}`
    const fix = "Correct what the message names; a check that should have said where is missing."
    return { file: ".", line: 1, column: 1, severity: "error", message, fix }
  }
}
