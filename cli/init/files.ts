/** The files of a first policy directory, by name. */
import { accessRules, limitRules } from "./files/rules.ts"
import { agentsText } from "./files/agents.ts"
import { catalogText } from "./files/catalog.ts"
import { gatewaysText } from "./files/gateways.ts"
import { guardrailsText } from "./files/guardrails.ts"
import { issuersText } from "./files/issuers.ts"
import { operatorRules, operatorsText } from "./files/operators.ts"
import { schemaText } from "./files/schema.ts"
import { tableText } from "./files/table.ts"
import { modeline } from "../schemas/directory.ts"
import type { Plan } from "./files/plan.ts"

const FILES: Readonly<Record<string, (plan: Plan) => string | Promise<string>>> = {
  "catalog.yaml": catalogText,
  "agents.yaml": agentsText,
  "access.cedar": accessRules,
  "limits.cedar": limitRules,
  "guardrails.yaml": guardrailsText,
  "gateways.yaml": gatewaysText,
  "issuers.yaml": issuersText,
  "operators.yaml": operatorsText,
  "operators.cedar": operatorRules,
  "schema.cedarschema": schemaText,
  "access.test.yaml": tableText,
}

/** In the order in which they are best read; an empty file is left out. */
export async function filesOf(plan: Plan): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const [name, write] of Object.entries(FILES)) {
    const text = await write(plan)
    if (text !== "") files.set(name, `${modeline(name)}${text}`)
  }
  return files
}
