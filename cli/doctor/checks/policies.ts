/** The policies check, and their tests pass. */
import { join } from "node:path"
import { countProblems } from "../../compiler/report.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { ok, problem, skipped, warn, type Finding } from "../finding.ts"
import type { Subject } from "../subject.ts"

/** More would hide what else is wrong. */
const MOST_ERRORS = 3

export function checkPolicies(subject: Subject): readonly Finding[] {
  const { compiled, directory, isDirectoryNamed } = subject
  if (!compiled) {
    const text = `there is no directory ${directory}`
    const fix = `Name it (${CALLED} doctor DIR), or make one: ${CALLED} init`
    return [isDirectoryNamed ? problem(text, fix) : skipped(`${text}; ${CALLED} init makes one`)]
  }
  const errors = compiled.problems.filter(({ severity }) => severity === "error")
  const more = errors.length - MOST_ERRORS
  if (errors.length > 0) {
    return errors
      .slice(0, MOST_ERRORS)
      .map(({ file, line, message, fix }, index) =>
        problem(
          `${join(directory, file)}:${line} ${message}${more > 0 && index === MOST_ERRORS - 1 ? `; and ${more} more: ${CALLED} check ${directory}` : ""}`,
          fix,
        ),
      )
  }
  const counts = countProblems(compiled.problems)
  const text = `${directory} checks`
  return [counts === "" ? ok(text) : warn(`${text}, with ${counts}`, `Read them: ${CALLED} check ${directory}`)]
}

export function checkTests({ compiled, tests, directory }: Subject): readonly Finding[] {
  if (!compiled || !tests) return [skipped("there are no policies to test")]
  const { count, failing } = tests
  if (count === 0) {
    const fix = `Write down who may call what, in ${join(directory, "access.test.yaml")}; \`${CALLED} test --help\` has an example.`
    return [warn(`${directory} has no tests${compiled.tables.size > 0 ? " that can be run" : ""}`, fix)]
  }
  if (failing === 0) return [ok(`${count} tests pass`)]
  return [problem(`${failing} of ${count} tests fail`, `See which: ${CALLED} test ${directory}`)]
}
