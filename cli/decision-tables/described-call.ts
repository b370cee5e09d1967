/** A call that no agent has made, described by options as a test describes one. */
import type { BundleBody } from "../../src/core/policy/bundle.ts"
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
  readonly arguments: Readonly<Record<string, unknown>>
  /** `issuer` is a URL; null: the only one with users. */
  readonly user?: { readonly issuer: string | null; readonly subject: string }
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
  const parsed = parseSource(parseYaml("flags", JSON.stringify(tableOf(described, body))), tablesFile)
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
function tableOf(
  {
    call,
    arguments: args,
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
  }: ByHand,
  { issuers }: BundleBody,
): object {
  const given = {
    user: user === undefined ? null : { ...namedIn(issuers, user), groups: group, acr },
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
  const carried = isRequest ? (Object.keys(args).length > 0 ? { body: args } : {}) : { arguments: args }
  return { tests: [{ name: "by hand", given, call, ...carried, expect: "allow" }] }
}

/** As a table names a user. */
function namedIn(issuers: BundleBody["issuers"], { issuer, subject }: NonNullable<ByHand["user"]>): object {
  if (issuer === null) return { subject }
  const found = issuers.find((each) => each.issuer === issuer)
  if (found) return { issuer: found.id, subject }
  throw new Failure(`no issuer is ${issuer}`, "Write the `issuer` of an entry of issuers.yaml.", EXIT.usage)
}
