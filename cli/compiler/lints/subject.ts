/** Gathers the facts that lints examine. */
import type { PlacedLink, PlacedRule } from "../rules/lower.ts"
import type { RegistrationDefinition } from "../../../src/core/policy/definition/registration.ts"
import { registeredClientId } from "../../../src/core/policy/registered-clients.ts"
import { managingEntities } from "../model/entities.ts"
import type { RulePosition } from "../rules/rule-position.ts"
import { positionAt } from "../source/position.ts"
import type { Problem } from "../source/problem.ts"
import { registeredFacts } from "../reasoning/known.ts"
import { questionsOf } from "../reasoning/questions.ts"
import { reasonAbout } from "../reasoning/rules.ts"
import { readRule } from "../reasoning/written.ts"
import type { Subject } from "./lint.ts"

interface Gathered extends Pick<Subject, "policies" | "body" | "bundle" | "use"> {
  readonly placed: readonly PlacedRule[]
  /** Problems that were found before. */
  readonly problems: readonly Problem[]
}

export function subjectOf({ policies, body, bundle, use, placed, problems }: Gathered): Subject {
  const questions = questionsOf({
    store: bundle.entities,
    tools: body.tools,
    agents: [...body.agents.map(({ id }) => id), ...(body.registration ? [anyClientOf(body.registration)] : [])],
    operators: managingEntities(policies.operators.value, policies.issuers.value).filter(
      ({ uid }) => uid.type === "Operator",
    ),
    stored: policies.entities.value,
  })
  const facts = registeredFacts(body)
  const warnings = Map.groupBy(problems, ({ file }) => file)
  const rules = placed.map((rule) => readRule(rule, isWithin(rule.from, warnings)))
  return { policies, body, bundle, use, questions, known: facts, rules: reasonAbout(rules, questions, facts) }
}

/** One client stands for all of the class: rules distinguish them by their ids alone, which are random. */
export function anyClientOf(registration: Pick<RegistrationDefinition, "class">): string {
  return registeredClientId("https://authz.example", registration, "A".repeat(22))
}

/** Whether a problem of the rule is reported already. */
function isWithin(from: RulePosition | PlacedLink, problems: ReadonlyMap<string, readonly Problem[]>): boolean {
  if ("link" in from) {
    const { file, line, end } = from.links.warning(["links", from.index], "", "")
    return (problems.get(file) ?? []).some((problem) => problem.line >= line && problem.line <= (end?.line ?? line))
  }
  const reported = problems.get(from.file.path)
  if (!reported) return false
  const { text, offset } = from.source
  const [first, last] = [positionAt(from.file.text, offset).line, positionAt(from.file.text, offset + text.length).line]
  return reported.some(({ line }) => line >= first && line <= last)
}
