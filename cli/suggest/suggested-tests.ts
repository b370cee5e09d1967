/** Decision tables for what is suggested: that what was used is allowed, and that what never was is denied. */
import { parseSource } from "../compiler/source/parse-source.ts"
import { parseYaml } from "../compiler/source/source.ts"
import { casesOf, type Case } from "../decision-tables/cases.ts"
import { differences, gotOf } from "../decision-tables/expect.ts"
import { worldOf } from "../decision-tables/names.ts"
import { runOn } from "../decision-tables/run.ts"
import { tablesFile } from "../decision-tables/schema.ts"
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import { formatScope } from "../../src/core/catalog/pattern.ts"
import { isRedacted } from "../../src/core/catalog/redaction.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { AgentDefinition } from "../../src/core/policy/definition/agents.ts"
import { within } from "../../src/core/task/narrow.ts"
import type { BoundRule } from "./rules-text.ts"
import { evidenceText } from "./evidence.ts"
import { flow } from "./yaml-edits.ts"
import type { Subjects } from "./agents-edits.ts"
import type { ObservedUse, ToolUse } from "./observed-use.ts"

export const TESTS = "suggested.test.yaml"
const HEAD = "# Made by `narrowgate suggest` from decision records: what was used, and what never was.\n"

interface Row {
  readonly cell: string
  readonly comment: string | null
}

interface WrittenTest {
  readonly name: string
  readonly given: Readonly<Record<string, unknown>>
  readonly rows: readonly Row[]
}

export interface SuggestedTests {
  /** Empty if there are none. */
  readonly text: string
  readonly cases: number
  readonly notes: readonly string[]
}

/**
 * @param before what the suggestion changes
 * @param bundle with everything that is suggested: what it decides otherwise than was used is told, not written
 */
export function suggestedTests(
  bundle: Bundle,
  body: BundleBody,
  before: BundleBody,
  use: ObservedUse,
  subjects: Subjects,
  bounds: readonly BoundRule[],
): SuggestedTests {
  const notes: string[] = []
  const tests = before.agents.flatMap((agent) =>
    agent.purposes.flatMap((purpose): WrittenTest[] => {
      if (!subjects.agents.has(agent.id) && !subjects.purposes.has(purpose)) return []
      const uses = use.own.get(JSON.stringify([agent.id, purpose]))
      return uses ? testsOf({ body: before, after: body, use, agent, purpose, uses, bounds }) : []
    }),
  )
  const passing = tests.flatMap((test): WrittenTest[] => {
    const rows = test.rows.filter((row) => {
      const isPassing = passes(bundle, body, { ...test, rows: [row] })
      if (!isPassing)
        notes.push(`no test of ${row.cell} (${test.name}): what records have does not suffice to make the call again`)
      return isPassing
    })
    return rows.length === 0 ? [] : [{ ...test, rows }]
  })
  const text = passing.length === 0 ? "" : `${HEAD}\ntests:\n${passing.map(testText).join("\n")}`
  return { text, cases: passing.reduce((count, { rows }) => count + rows.length, 0), notes }
}

interface Subject {
  readonly body: BundleBody
  readonly after: BundleBody
  readonly use: ObservedUse
  readonly agent: AgentDefinition
  readonly purpose: string
  readonly uses: ReadonlyMap<string, ToolUse>
  readonly bounds: readonly BoundRule[]
}

function testsOf({ body, after, use, agent, purpose, uses, bounds }: Subject): WrittenTest[] {
  const used = body.tools.filter((tool) => uses.has(tool.name) && !isLifecycle(tool))
  if (used.length === 0) return []
  const ofAgent = bounds.filter((bound) => bound.agent === agent.id)
  const given = givenFor(use, body, agent, purpose, uses, used)
  const name = `${agent.id.split("/").at(-1)}, ${purpose}`
  const positive = used.map((tool): Row => {
    const ofTool = uses.get(tool.name)
    const args = ofTool ? exampleOf(tool, ofTool, ofAgent) : {}
    return { cell: row(tool, args, "allow"), comment: ofTool ? evidenceText(ofTool.evidence) : null }
  })
  const could = couldCall(after, agent.id, purpose)
  const negative = couldCall(body, agent.id, purpose)
    .filter((name) => !could.includes(name))
    .map((name): Row => ({ cell: `[${name}, insufficient_scope]`, comment: null }))
  const outside = ofAgent.flatMap(({ id, tool, argument, bound }): Row[] => {
    const ofTool = uses.get(tool.name)
    if (!ofTool) return []
    const args = { ...exampleOf(tool, ofTool, ofAgent), [argument]: bound.outside }
    return [{ cell: row(tool, args, `{ deny: policy_denied, rules: [${id}] }`), comment: null }]
  })
  const [closedTool] = after.agents.find(({ id }) => id === agent.id)?.ceiling.closed ? used : []
  if (closedTool && !agent.ceiling.closed) {
    const ofTool = uses.get(closedTool.name)
    const args = { ...(ofTool && exampleOf(closedTool, ofTool, ofAgent)), [UNUSED_ARGUMENT]: true }
    outside.push({ cell: row(closedTool, args, "insufficient_scope"), comment: null })
  }
  return [
    { name: `${name}: what was used is allowed`, given, rows: positive },
    // With all that the purpose had before: what is denied is so by the grant, not because nobody requested it.
    {
      name: `${name}: what was never used is denied`,
      given: withWholeScope(given, body, purpose),
      rows: negative,
    },
    { name: `${name}: so is what is beyond the arguments that were used`, given, rows: outside },
  ].filter(({ rows }) => rows.length > 0)
}

function givenFor(
  use: ObservedUse,
  body: BundleBody,
  agent: AgentDefinition,
  purpose: string,
  uses: ReadonlyMap<string, ToolUse>,
  used: readonly Tool[],
): Readonly<Record<string, unknown>> {
  const all = [...uses.values()]
  const groups = all
    .filter(({ withUser }) => withUser > 0)
    .map((each) => each.groups)
    .reduce<readonly string[] | null>(
      (common, each) => (common ? common.filter((group) => each.includes(group)) : each),
      null,
    )
  const approvals = [...new Set(all.flatMap((each) => [...each.approvals]))].toSorted()
  const gateways = new Map<string, number>()
  for (const each of all) for (const [id, count] of each.gateways) gateways.set(id, (gateways.get(id) ?? 0) + count)
  const [gateway] = [...gateways].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([id]) => id)
  const ofUsers = body.issuers.filter((one) => one.users ?? one.assertions)
  const issuer =
    ofUsers.length > 1 ? ofUsers.find((one) => one.issuer !== undefined && use.issuers.has(one.issuer))?.id : undefined
  return {
    user: groups && { ...(issuer !== undefined && { issuer }), subject: "somebody", groups },
    agent: agent.id,
    purpose,
    scope: used.map(({ name: pattern, action }) => formatScope({ pattern, action })).toSorted(),
    ...(gateway !== undefined && { gateway }),
    ...(agent.bound_key && { bound_key: true }),
    ...(approvals.length > 0 && { approvals }),
  }
}

const UNUSED_ARGUMENT = "never_used"

/** Names of the tools that grants let the agent call for the purpose. */
function couldCall(body: BundleBody, id: string, purpose: string): readonly string[] {
  const grant = body.purposes.find(({ name }) => name === purpose)?.grant
  const agent = body.agents.find((each) => each.id === id)
  if (!grant || !agent?.purposes.includes(purpose)) return []
  const [ofPurpose, ofAgent] = [within(grant), within(agent.ceiling)]
  return body.tools.filter((tool) => !isLifecycle(tool) && ofPurpose(tool) && ofAgent(tool)).map(({ name }) => name)
}

/**
 * What requests all that the purpose had: nothing, if it has no default. Each tool is called through the gateway that
 * serves it.
 */
function withWholeScope(given: WrittenTest["given"], body: BundleBody, purpose: string): WrittenTest["given"] {
  const { scope: _scope, gateway: _gateway, ...others } = given
  const found = body.purposes.find(({ name }) => name === purpose)
  return found?.default ? { ...others, scope: found.grant.tools } : others
}

/** The value that came most often; within its bound if it has one, so that no test repeats what only one call had. */
function exampleOf(tool: Tool, use: ToolUse, bounds: readonly BoundRule[]): Record<string, unknown> {
  const entries = [...use.arguments]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, values]) => {
      const bound = bounds.find((each) => each.tool.name === tool.name && each.argument === name)
      if (bound) return [[name, bound.bound.within] as const]
      if (values.isHidden || isRedacted(name, tool.redact)) return []
      const [most] = [...values.values].toSorted(([a, x], [b, y]) => y - x || (String(a) < String(b) ? -1 : 1))
      return most ? [[name, most[0]] as const] : []
    })
  return Object.fromEntries(entries)
}

function row({ name }: Tool, args: Readonly<Record<string, unknown>>, expected: string): string {
  const members = Object.entries(args).map(([key, value]) => `${flow(key)}: ${flow(value)}`)
  return members.length === 0 ? `[${name}, ${expected}]` : `[${name}, { ${members.join(", ")} }, ${expected}]`
}

function testText({ name, given, rows }: WrittenTest): string {
  const lines = rows.map(({ cell, comment }) => `      - ${cell}${comment === null ? "" : ` # ${comment}`}\n`)
  const members = Object.entries(given).map(([key, value]) => `      ${key}: ${flow(value)}\n`)
  return `  - name: ${JSON.stringify(name)}\n    given:\n${members.join("")}    cases:\n${lines.join("")}`
}

function passes(bundle: Bundle, body: BundleBody, test: WrittenTest): boolean {
  const parsed = parseSource(parseYaml(TESTS, `tests:\n${testText(test)}`), tablesFile)
  if (!parsed.ok) return false
  const { cases, problems } = casesOf(parsed.source, worldOf(body))
  const run = runOn(bundle)
  const isExpected = ({ question, expected }: Case): boolean =>
    differences(expected, gotOf(run.ask(question).result)).length === 0
  return problems.length === 0 && cases.length === 1 && cases.every(isExpected)
}
