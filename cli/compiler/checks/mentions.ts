/**
 * Rules that name an agent, a tool, a group, a purpose, a label that is not there. A `forbid` that holds by such a name
 * would never hold, without a word, and what it was to stop would be allowed: an error. A `permit` by such a name permits
 * nothing: a warning.
 */
import { keyOf, pathTerm } from "../reasoning/term.ts"
import { ACTIONS, SENSITIVITIES } from "../../../src/core/catalog/tool.ts"
import { madeEntities, MADE_TYPES, managingEntities, uidText } from "../model/entities.ts"
import type { PlacedRule } from "../rules/lower.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { RulePosition } from "../rules/rule-position.ts"
import type { Policies } from "../model/policies.ts"
import { spanAt } from "../source/position.ts"
import type { Problem } from "../source/problem.ts"
import { registeredFacts, type KnownValues } from "../reasoning/known.ts"
import { restrictionsOf, type ComparedText } from "../reasoning/restrictions.ts"
import { allTools } from "../model/tools.ts"
import type { WrittenRule } from "../rules/source-rules.ts"

/** Users are known from their tokens only. */
const TYPES = MADE_TYPES.filter((type) => type !== "User")
const MENTION = new RegExp(`(?<![\\w:])(${TYPES.join("|")})::("(?:[^"\\\\\\n]|\\\\.)*")`, "gu")

export function checkMentions(
  policies: Policies,
  placed: readonly PlacedRule[],
  written: ReadonlyMap<string, WrittenRule>,
): Problem[] {
  const restricting = placed.flatMap(({ rule }): Restricting[] => {
    const place = written.get(rule.id)?.place
    return place ? [{ place, ...restrictionsOf(rule.policy), id: rule.id }] : []
  })
  return [...unknownEntities(policies, restricting), ...unknownTexts(policies, restricting)]
}

interface Restricting extends ReturnType<typeof restrictionsOf> {
  readonly id: string
  readonly place: RulePosition
}

function unknownEntities(policies: Policies, restricting: readonly Restricting[]): Problem[] {
  const { rules, agents, catalog } = policies
  const made = [
    ...madeEntities(agents.value, allTools(catalog.value)),
    ...managingEntities(policies.operators.value, policies.issuers.value),
  ]
  const entityNames = new Set(made.map(({ uid }) => uidText(uid)))
  return rules.flatMap(({ path: file, text }) => {
    const ofFile = restricting.filter(({ place }) => place.file.path === file)
    let start = 0
    return text.split("\n").flatMap((line, index) => {
      const offset = start
      start += line.length + 1
      return Array.from(withoutComment(line).matchAll(MENTION)).flatMap((mention): Problem[] => {
        if (entityNames.has(mention[0])) return []
        const fix = suggest(
          mention[0],
          entityNames,
          "Correct the name, or add it to agents.yaml, catalog.yaml or operators.yaml.",
        )
        const [at, column] = [index + 1, mention.index + 1]
        const place = { file, line: at, column, end: { line: at, column: column + mention[0].length } }
        return isRestricting(mention[0], offset + mention.index, ofFile)
          ? [
              {
                ...place,
                severity: "error",
                message: `\`${mention[0]}\` is not there, so the rule does not hold`,
                fix,
              },
            ]
          : [
              {
                ...place,
                severity: "warning",
                lint: "unknown-entity",
                message: `\`${mention[0]}\` is not there, so nothing matches it`,
                fix,
              },
            ]
      })
    })
  })
}

function isRestricting(mention: string, offset: number, rules: readonly Restricting[]): boolean {
  return rules.some(
    ({ place: { source }, entities }) =>
      offset >= source.offset &&
      offset < source.offset + source.text.length &&
      entities.some((uid) => uidText(uid) === mention),
  )
}

/** Purposes, labels, environments and the like, which are texts to Cedar. */
function unknownTexts(policies: Policies, restricting: readonly Restricting[]): Problem[] {
  const { agents, gateways, catalog, approvers } = policies
  const tools = allTools(catalog.value)
  const { purposes } = agents.value
  const { gateways: entries, queries } = gateways.value
  const { values, members } = registeredFacts({
    purposes,
    gateways: entries,
    tools,
    approvals: approvers.value.approvals,
  })
  const resource = (name: string, what: string, names: readonly string[]): [string, KnownValues] => [
    keyOf(pathTerm(`resource.${name}`)),
    { what, names: new Set(names) },
  ]
  // Query clients ask about resources of their own, which have what attributes they like.
  const ofTools =
    queries.length > 0
      ? []
      : [
          resource(
            "server",
            "server",
            tools.map(({ server }) => server),
          ),
          resource("action", "action", ACTIONS),
          resource("sensitivity", "sensitivity", SENSITIVITIES),
        ]
  const labels =
    queries.length > 0
      ? []
      : [
          resource(
            "labels",
            "label of a tool",
            tools.flatMap((tool) => tool.labels),
          ),
        ]
  const [ofValues, ofMembers] = [new Map([...values, ...ofTools]), new Map([...members, ...labels])]
  return restricting.flatMap(({ place, texts }) =>
    texts.flatMap((compared): Problem[] => {
      const registered = (compared.isMember ? ofMembers : ofValues).get(compared.fact)
      return registered && !registered.names.has(compared.text) ? [unknownText(compared, registered, place)] : []
    }),
  )
}

function unknownText({ text }: ComparedText, { what, names }: KnownValues, { file, source }: RulePosition): Problem {
  const quoted = JSON.stringify(text)
  const found = source.text.indexOf(quoted)
  const from = source.offset + Math.max(found, 0)
  const span = spanAt(file.text, from, from + (found < 0 ? 0 : quoted.length))
  const fix = suggest(text, names, "Correct the name, or register it.")
  return {
    file: file.path,
    ...span,
    severity: "error",
    message: `${quoted} is no ${what}, so the rule does not hold`,
    fix,
  }
}

/** Cedar's `//`, but not the one inside a string. */
function withoutComment(line: string): string {
  return /^(?:"(?:[^"\\]|\\.)*"|\/(?!\/)|[^"/])*/u.exec(line)?.[0] ?? line
}
