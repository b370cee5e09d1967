/** A call that no agent has made, described by options as a test describes one. */
import type { Verdict } from "../../src/core/decision/call.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { Compiled } from "../compiler/compile.ts"
import { parseSource } from "../compiler/source/parse-source.ts"
import { parseYaml } from "../compiler/source/source.ts"
import { casesOf } from "./cases.ts"
import { runOn } from "./run.ts"
import { tablesFile } from "./schema.ts"
import { worldOf } from "./names.ts"
import type { PolicyQuestion } from "../../src/core/explanation/policy-question.ts"
import type { Result } from "./scene.ts"

export interface ByHand {
  readonly call: string
  readonly arg: readonly string[]
  readonly user?: string
  readonly group: readonly string[]
  readonly acr?: string
  readonly agent?: string
  readonly purpose?: string
  readonly scope: readonly string[]
  readonly gateway?: string
  readonly label: readonly string[]
  readonly calls?: string
  readonly risk?: string
  readonly approval: readonly string[]
  readonly boundKey?: boolean
  readonly rulesAlone?: boolean
}

export interface Answered {
  readonly result: Result
  /** Null if policy was not evaluated. */
  readonly question: PolicyQuestion | null
}

export function askByHand(described: ByHand, { body, bundle }: Compiled): Answered {
  if (!body || !bundle) throw new Failure("the policies do not check", "Mend them: `narrowgate check`.")
  const parsed = parseSource(parseYaml("flags", JSON.stringify(tableOf(described))), tablesFile)
  const { cases, problems } = parsed.ok
    ? casesOf(parsed.source, worldOf(body))
    : { cases: [], problems: parsed.problems }
  const [problem] = problems
  const [one] = cases
  if (problem || !one)
    throw new Failure(problem?.message ?? "there is no call", problem?.fix ?? "Add --call.", EXIT.usage)
  const { result } = runOn(bundle).ask(one.question)
  const { evidence, tool: name }: Partial<Verdict> & { tool?: string | null } = result.kind === "decided" ? result : {}
  const tool = name == null ? undefined : bundle.catalog.tools.get(name)
  if (!tool || !evidence?.context) return { result, question: null }
  const { user, chain: agents, context } = evidence
  return { result, question: { bundle, user, agents, tool, context } }
}

/** One test of it, in the words of a table. */
function tableOf({
  call,
  arg,
  user,
  group,
  acr,
  agent,
  purpose,
  scope,
  gateway,
  label,
  calls,
  risk,
  approval,
  boundKey,
  rulesAlone,
}: ByHand): object {
  const subject = user === undefined ? null : { subject: user, groups: group, ...(acr === undefined ? {} : { acr }) }
  const given = {
    user: subject,
    agent,
    purpose,
    scope: scope.length > 0 ? scope : undefined,
    gateway,
    labels: label.length > 0 ? label : undefined,
    calls: calls === undefined ? undefined : Number(calls),
    risk: risk === undefined ? undefined : Number(risk),
    approvals: approval.length > 0 ? approval : undefined,
    bound_key: boundKey,
    rules_alone: rulesAlone,
  }
  const isRequest = call.includes(" ")
  const args = Object.fromEntries(arg.map(argumentOf))
  const carried = isRequest ? (arg.length > 0 ? { body: args } : {}) : { arguments: args }
  return { tests: [{ name: "by hand", given, call, ...carried, expect: "allow" }] }
}

/** `name=value`; the value is read as JSON if it is JSON, otherwise as text. */
function argumentOf(text: string): [string, unknown] {
  const at = text.indexOf("=")
  if (at < 1) throw new Failure(`--arg cannot be ${text}`, "Write name=value.", EXIT.usage)
  const [name, value] = [text.slice(0, at), text.slice(at + 1)]
  try {
    const json: unknown = JSON.parse(value)
    return [name, json]
  } catch {
    return [name, value]
  }
}
