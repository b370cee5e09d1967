/** `narrowgate explain`: why a call was decided as it was, or would be, and what would have changed it. */
import type { Command } from "commander"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { codeOf, decidedAnew } from "../../src/core/denials/denial.ts"
import { isDeniedByRules } from "../../src/core/explanation/recreated-call.ts"
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
import { tellExplained, type Explained, type Places } from "../explain/render.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { compilePolicies, type Compiled } from "../compiler/compile.ts"
import { gotOf } from "../decision-tables/expect.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { askApi, type WorkerOptions } from "../remote/worker.ts"
import { summarise } from "./check.ts"
import { atWorker } from "./decisions.ts"

interface ExplainOptions extends WorkerOptions, Omit<ByHand, "call"> {
  readonly call?: string
  readonly policies: string
  readonly json?: boolean
}

export function addExplain(program: Command): void {
  const many = (value: string, all: readonly string[]): readonly string[] => [...all, value]
  atWorker(program.command("explain"))
    .description("why a call was decided as it was, or would be, and what would have changed it")
    .argument("[ID]", "of the decision, as in the header X-Narrowgate-Decision")
    .option("--policies <DIR>", "the policy directory: where rules stand, and what decides --call", "policies")
    .option("--call <CALL>", "in place of an ID: a tool, or a request such as `GET /crm/tickets/42`")
    .option("--arg <NAME=VALUE>", "an argument of it; again for another", many, [])
    .option("--user <SUBJECT>", "on whose behalf; absent: nobody's")
    .option("--group <NAME>", "a group of theirs; again for another", many, [])
    .option("--acr <ACR>", "how they have logged in")
    .option("--agent <ID>", "who calls")
    .option("--purpose <NAME>", "what for; absent: the agent's first")
    .option("--scope <SCOPE>", "what it has asked for; again for another; absent: what the purpose gives", many, [])
    .option("--gateway <ID>", "at which gateway; absent: the first")
    .option("--label <LABEL>", "what its tree has done; again for another", many, [])
    .option("--calls <N>", "how many calls it has made")
    .option("--risk <N>", "the risk that was told of it, from 0 to 100; absent: none")
    .option("--approval <NAME>", "that people have approved of it; again for another", many, [])
    .option("--bound-key", "with a token that is bound to a key")
    .option("--rules-alone", "whatever purposes, ceilings and grants say")
    .option("--json", "all of it, as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate explain dec_01J8…\n  narrowgate explain --call mail.send --arg to=ann@example.org --user alice --group support \\\n    --agent spiffe://example.org/agent/support --purpose answer-customer\n",
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
  const bearer = await operatorBearer(options)
  const input = { parameters: { decision: id }, schema: decisionRecord }
  const record = await askApi(options, bearer, "showDecision", input)
  const bundle = await bundleOf(record, options, bearer)
  const asked = bundle && questionOfRecord(record, bundle)
  const policy = asked?.question && isOfRules(record) ? explained(asked.question) : null
  if (options.json) return console.log(jsonText({ record, policy, untold: asked?.untold ?? [] }))
  console.log(explanation(printable(record)))
  if (policy) console.log(tellExplained(policy, await placesOf(record, options.policies)))
  else if (!isOfRules(record)) console.log(`  ${colors.dim("it was not the rules that decided this")}`)
  if (!asked || asked.untold.length === 0 || !isOfRules(record)) return
  const how = policy ? "not told by the record, and taken to be missing:" : "why is open, as the record does not tell"
  console.log(`  ${colors.yellow(how)} ${printableText(asked.untold.join(", "))}`)
}

/** Of a token, a grant or a budget rules say nothing: what they would have said would only mislead. */
const isOfRules = ({ denial }: ShownRecord): boolean =>
  denial === null || decidedAnew(denial) === "arguments" || isDeniedByRules(denial)

/** Null where the Worker does not have it any more, or this version does not read it: then the record alone is told. */
async function bundleOf({ bundle }: ShownRecord, worker: WorkerOptions, bearer: string): Promise<Bundle | null> {
  return bundle && fetchBundle(worker, bearer, bundle.digest).catch(() => null)
}

/** Where the very rules that decided stand here; null where these are others. */
async function placesOf({ bundle }: ShownRecord, directory: string): Promise<Places | null> {
  const compiled = await compilePolicies(directory).catch(() => null)
  const digest = compiled?.body && (await digestOf(canonicalBytes(compiled.body)))
  return compiled && digest === bundle?.digest ? { directory, written: compiled.written } : null
}

async function explainCall(said: ByHand, { policies: directory, json }: ExplainOptions): Promise<void> {
  const compiled = await compilePolicies(directory)
  if (!compiled.body) return refuseUnchecked(directory, compiled)
  const { result, question } = askByHand(said, compiled)
  const { decision, reason, rules, unasked, shown } = gotOf(result)
  const policy = question && explained(question)
  if (json) return console.log(jsonText({ decision, reason, evidence: shown, rules, unasked, policy }))
  const isAllowed = result.kind === "decided" && result.denial === null
  const code = result.kind === "decided" && result.denial ? codeOf(result.denial) : decision
  const guardrail = typeof shown["guardrail"] === "string" ? `guardrail ${shown["guardrail"]}` : null
  const why = [reason?.replaceAll("_", " "), guardrail, unasked].filter((part) => part != null).join("; ")
  console.log(
    `${said.call} ${isAllowed ? colors.green("would be allowed") : colors.red(`would be denied: ${code}`)}${why === "" ? "" : `, ${why}`}`,
  )
  if (policy) console.log(tellExplained(policy, { directory, written: compiled.written }))
  else if (!isAllowed)
    console.log(`  ${colors.dim("before the rules were asked; --rules-alone asks them all the same")}`)
}

function refuseUnchecked(directory: string, compiled: Compiled): never {
  console.error(summarise(directory, compiled))
  throw new Failure(`${directory} does not check`, "Mend it: `narrowgate check`.")
}
