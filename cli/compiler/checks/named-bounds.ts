/** Named bounds that rules read: each is in the catalog, and no rule tests whether it is there. */
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import { problemAt } from "../rules/rule-position.ts"
import type { PlacedRule } from "../rules/lower.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"

export function checkNamedBounds({ catalog }: Policies, placed: readonly PlacedRule[]): Problem[] {
  const names = catalog.value.bounds.map(({ name }) => name)
  return placed.flatMap(({ rule, from }) => {
    const faults = [
      ...(rule.facts ?? []).flatMap((fact) => {
        const name = fact.startsWith("bounds.") ? fact.slice("bounds.".length) : null
        return name === null || names.includes(name) ? [] : [unknown(name, names)]
      }),
      ...(testsPresence(rule.policy["conditions"]) ? [PRESENCE_TESTED] : []),
    ]
    return faults.map(({ word, message, fix }) => {
      if ("link" in from) return from.links.error(["links", from.index, "template"], message, fix)
      const { file, source } = from
      const start = Math.max(source.text.indexOf(word), 0)
      return problemAt({ file, source: { text: word, offset: source.offset + start } }, message, fix)
    })
  })
}

interface Fault {
  readonly word: string
  readonly message: string
  readonly fix: string
}

function unknown(name: string, names: readonly string[]): Fault {
  const fix = suggest(name, names, "Add it to `bounds` of catalog.yaml, with the arguments and their bounds.")
  return { word: name, message: `no bound of the catalog is called \`${name}\``, fix }
}

/** Such a rule passes over a call whose arguments cannot be judged; without the test, a forbid errs and denies it. */
const PRESENCE_TESTED: Fault = {
  word: "bounds",
  message: "a bound that cannot be judged is not there, so a rule that tests for it with `has` passes over that call",
  fix: "Read it as it is, `context.bounds.NAME`, and declare it in schema.cedarschema without `?`.",
}

function testsPresence(json: unknown): boolean {
  if (Array.isArray(json)) return json.some(testsPresence)
  if (!isNode(json)) return false
  return Object.entries(json).some(
    ([operator, operands]) =>
      operator !== "Value" &&
      ((operator === "has" && isNode(operands) && isAboutBounds(operands)) || testsPresence(operands)),
  )
}

/** `context has bounds`, `context.bounds has company_mail`. */
function isAboutBounds({ left, attr }: Readonly<Record<string, unknown>>): boolean {
  const [first]: readonly unknown[] = Array.isArray(attr) ? attr : [attr]
  if (!isNode(left)) return false
  if (left["Var"] === "context") return first === "bounds"
  const access = left["."]
  return isNode(access) && isNode(access["left"]) && access["left"]["Var"] === "context" && access["attr"] === "bounds"
}
