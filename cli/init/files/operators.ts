/** operators.yaml and operators.cedar: who manages. */
import { readFile } from "node:fs/promises"
import { field } from "../../import/catalog-text.ts"
import type { Plan, Trust } from "./plan.ts"
import { PEOPLE } from "./issuers.ts"

const HEAD = `\
# Who manages Narrowgate: \`viewer\` reads tasks and decisions, \`approver\` may also decide on approvals of calls,
# \`operator\` may also end and revoke. A subject is the \`sub\` of an access token of that issuer. Both this and a rule
# of operators.cedar have to permit a request.
`

export function operatorsText({ trust }: Plan): string {
  if (trust.kind === "local") return `${HEAD}\noperators:\n${LOCAL}`
  if (trust.operator === null)
    return `${HEAD}\n# Nobody yet:\n${commented(entry("<your sub>").trimEnd())}\noperators: []\n`
  return `${HEAD}\noperators:\n${entry(trust.operator)}`
}

/** The first operator; null if there is none yet. */
export function operatorOf(trust: Trust): string | null {
  return trust.kind === "local" ? PIPELINE : trust.operator
}

const PIPELINE = "narrowgate-cli"

const LOCAL = `  # The command \`narrowgate\`, with a token of its own.
  - issuer: ${PEOPLE}
    subject: ${PIPELINE}
    roles: [viewer, approver, operator]
  # A person of the local stack, who logs in:
  # narrowgate login --issuer http://127.0.0.1:8788 --scope "openid offline_access narrowgate"
  - issuer: ${PEOPLE}
    subject: olivia
    roles: [viewer, approver, operator]
`

function entry(subject: string): string {
  return `  - issuer: ${PEOPLE}\n    ${field("subject", subject)}\n    roles: [viewer, approver, operator]\n`
}

function commented(lines: string): string {
  return lines.replaceAll(/^/gmu, "# ")
}

/** As in the example: nothing in it is specific to one company. Without an operator no rule of it could ever apply. */
export async function operatorRules({ trust }: Plan): Promise<string> {
  const rules = await readFile(new URL("../../../policies/operators.cedar", import.meta.url), "utf8")
  if (operatorOf(trust) !== null) return rules
  return `// Once operators.yaml names an operator, remove the first \`//\` of each line below.\n//\n${rules.replaceAll(/^/gmu, "// ").trimEnd()}\n`
}
