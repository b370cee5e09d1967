/** `narrowgate explain`: why a call was decided as it was, or would be, and what would have changed the decision. */
import type { Command } from "commander"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { codeOf, decidedAnew } from "../../src/core/denials/denial.ts"
import { isDeniedByRules } from "../../src/core/explanation/recorded-situation.ts"
import { colors } from "../terminal/colors.ts"
import { decisionRecord, explanation, printable, type ShownRecord } from "../remote/decision-record.ts"
import { printableText } from "../terminal/escape.ts"
import { fetchBundle } from "../diff/fetched-bundles.ts"
import { jsonText } from "../terminal/escape.ts"
import { askByHand, type ByHand } from "../decision-tables/described-call.ts"
import { nearestChanges } from "../../src/core/explanation/nearest-change.ts"
import { factsRead, isPermitted, type PolicyQuestion } from "../../src/core/explanation/policy-question.ts"
import { questionOfRecord } from "../../src/core/explanation/recorded-question.ts"
import { seenRules } from "../../src/core/explanation/rule-outcomes.ts"
import { explanationText, type Explained, type Places } from "../explain/render.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { compilePolicies, type Compiled } from "../compiler/compile.ts"
import { gotOf } from "../decision-tables/expect.ts"
import { recordsInFiles } from "../records/read-files.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { requestApi, type WorkerOptions } from "../remote/worker.ts"
import { summarise } from "./check.ts"
import { repeated } from "../import/options.ts"
import { argumentsOption, policiesOption, userOption } from "../terminal/options.ts"
import { atWorker } from "./worker-options.ts"

interface ExplainOptions extends WorkerOptions, Omit<ByHand, "call"> {
  readonly call?: string
  readonly policies: string
  readonly records: readonly string[]
  readonly json?: boolean
}

export function addExplain(program: Command): void {
  atWorker(program.command("explain"))
    .description("explain why a call was decided as it was, or would be, and what would change that")
    .argument("[ID]", "the id of the decision, from the header X-Narrowgate-Decision")
    .addOption(
      repeated(
        "--records <FILE>",
        "find the decision in this file, an export, and not at the Worker; may be repeated; the bundle that decided is then that of --policies, if it is the same",
      ),
    )
    .addOption(policiesOption("the policy directory, which shows the place of rules and decides --call"))
    .option("--call <CALL>", "instead of an ID: a tool, or a request such as `GET /crm/tickets/42`")
    .addOption(argumentsOption("the arguments of the call, by name"))
    .addOption(userOption("the user of the task (default: none)"))
    .addOption(repeated("--group <NAME>", "a group of the user; may be repeated"))
    .option("--acr <ACR>", "the `acr` of the user's login")
    .option("--agent <ID>", "the agent that calls")
    .option("--purpose <NAME>", "the purpose of the task (default: the agent's first)")
    .addOption(repeated("--scope <SCOPE>", "a requested scope; may be repeated (without: all scopes of the purpose)"))
    .option("--gateway <ID>", "the gateway that asks (default: the first)")
    .addOption(repeated("--label <LABEL>", "a label of the task tree; may be repeated"))
    .option("--calls <N>", "the calls that the task has made")
    .option("--risk <N>", "the reported risk, from 0 to 100 (default: none)")
    .addOption(repeated("--approval <NAME>", "an approval that the call has; may be repeated"))
    .option("--bound-key", "the token is bound to a key (DPoP)")
    .option("--rules-alone", "evaluate the rules regardless of purposes, ceilings and grants")
    .option("--json", "print everything as JSON")
    .addHelpText(
      "after",
      '\nExamples:\n  narrowgate explain dec_01J8…\n  narrowgate explain --call mail.send --arguments \'{"to":"ann@example.org"}\' --user alice --group support \\\n    --agent spiffe://example.org/agent/support --purpose answer-customer\n',
    )
    .action(async (id: string | undefined, options: ExplainOptions) => {
      if (id !== undefined && options.call === undefined) return explainRecord(id, options)
      if (id === undefined && options.call !== undefined)
        return explainCall({ ...options, call: options.call }, options)
      throw new Failure(
        "one thing is explained at a time",
        "Name a decision, or describe a call by --call.",
        EXIT.usage,
      )
    })
}

function explained(question: PolicyQuestion): Explained {
  return {
    principals: seenRules(question),
    read: factsRead(question),
    nearest: nearestChanges(question),
    allowed: isPermitted(question),
  }
}

async function explainRecord(id: string, options: ExplainOptions): Promise<void> {
  const { record, bundle } = await (options.records.length > 0 ? inFiles(id, options) : atItsWorker(id, options))
  const query = bundle && questionOfRecord(record, bundle)
  const policy = query?.question && isOfRules(record) ? explained(query.question) : null
  if (options.json) return console.log(jsonText({ record, policy, untold: query?.notRecorded ?? [] }))
  console.log(explanation(printable(record)))
  if (policy) console.log(explanationText(policy, await placesOf(record, options.policies)))
  else if (!isOfRules(record)) console.log(`  ${colors.dim("no rule decided this")}`)
  if (!query || query.notRecorded.length === 0 || !isOfRules(record)) return
  const how = policy ? "not in the record, and taken as missing:" : "the reason is unknown, because the record lacks"
  console.log(`  ${colors.yellow(how)} ${printableText(query.notRecorded.join(", "))}`)
}

interface Found {
  readonly record: ShownRecord
  /** That decided it. Null if it is not there: then only the record is explained. */
  readonly bundle: Bundle | null
}

async function atItsWorker(id: string, options: ExplainOptions): Promise<Found> {
  const bearer = await operatorBearer(options)
  const input = { parameters: { decision: id }, schema: decisionRecord }
  const record = await requestApi(options, bearer, "showDecision", input)
  return { record, bundle: await bundleOf(record, options, bearer) }
}

async function inFiles(id: string, { records: files, policies }: ExplainOptions): Promise<Found> {
  let found: ShownRecord | null = null
  for await (const record of recordsInFiles(files)) {
    if (record.id !== id) continue
    found = record
    // The ledger's, which is valid if the edge has recorded that it did not answer.
    if (record.number !== null) break
  }
  if (!found) throw new Failure(`${files.join(", ")}: there is no decision ${id}`, "Name the file that has it.")
  return { record: found, bundle: (await deciding(found, policies))?.bundle ?? null }
}

/** Policies do not cover tokens, grants or budgets: the policies' decision on such a call would only mislead. */
const isOfRules = ({ denial }: ShownRecord): boolean =>
  denial === null || decidedAnew(denial) === "arguments" || isDeniedByRules(denial)

/** Null if the Worker no longer has it, or this version cannot read it: then only the record is explained. */
async function bundleOf({ bundle }: ShownRecord, worker: WorkerOptions, bearer: string): Promise<Bundle | null> {
  return bundle && fetchBundle(worker, bearer, bundle.digest).catch(() => null)
}

/** The places of the policies that decided, if the directory has exactly these; null otherwise. */
async function placesOf(record: ShownRecord, directory: string): Promise<Places | null> {
  const compiled = await deciding(record, directory)
  return compiled && { directory, written: compiled.written }
}

/** The policies of the directory, if it was they that decided. */
async function deciding({ bundle }: ShownRecord, directory: string): Promise<Compiled | null> {
  const compiled = await compilePolicies(directory).catch(() => null)
  const digest = compiled?.body && (await digestOf(canonicalBytes(compiled.body)))
  return digest !== undefined && digest === bundle?.digest ? compiled : null
}

async function explainCall(described: ByHand, { policies: directory, json }: ExplainOptions): Promise<void> {
  const compiled = await compilePolicies(directory)
  if (!compiled.body) return refuseUnchecked(directory, compiled)
  const { result, question } = askByHand(described, compiled)
  const { decision, reason, rules, unasked, shown } = gotOf(result)
  const policy = question && explained(question)
  if (json) return console.log(jsonText({ decision, reason, evidence: shown, rules, unasked, policy }))
  const isAllowed = result.kind === "decided" && result.denial === null
  const code = result.kind === "decided" && result.denial ? codeOf(result.denial) : decision
  const guardrail = typeof shown["guardrail"] === "string" ? `guardrail ${shown["guardrail"]}` : null
  const why = [reason?.replaceAll("_", " "), guardrail, unasked].filter((part) => part != null).join("; ")
  console.log(
    `${described.call} ${isAllowed ? colors.green("would be allowed") : colors.red(`would be denied: ${code}`)}${why === "" ? "" : `, ${why}`}`,
  )
  if (policy) console.log(explanationText(policy, { directory, written: compiled.written }))
  else if (!isAllowed)
    console.log(`  ${colors.dim("before the rules were evaluated; --rules-alone evaluates them anyway")}`)
}

function refuseUnchecked(directory: string, compiled: Compiled): never {
  console.error(summarise(directory, compiled))
  throw new Failure(`${directory} does not check`, "Run `narrowgate check`.")
}
