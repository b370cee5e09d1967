/**
 * What is behind a gateway can distinguish the tokens that are made for it from those that open calls; no client names a
 * retry; only a gateway that forwards messages can be answered about them, and not each dialect forwards any.
 */
import { DIALECTS, type DialectTraits } from "../../../src/core/policy/definition/gateways.ts"
import type { Policies } from "../model/policies.ts"
import { toGateway } from "../schema/gateways.ts"
import type { Problem } from "../source/problem.ts"

export function checkGateways({ gateways }: Policies): Problem[] {
  const audiences = new Set(gateways.value.gateways.map(({ audience }) => audience))
  return gateways.value.gateways.flatMap((entry, index) => {
    const { dialect, body, denials, experimental = [], transaction_tokens: wanted } = entry
    const problems: Problem[] = []
    if (wanted && audiences.has(wanted.audience)) {
      const message = `\`${wanted.audience}\` is the audience of delegation tokens too`
      const fix = "Write one of its own: who checks signature and audience alone would take one token for the other."
      problems.push(gateways.error(["gateways", index, "transaction_tokens", "audience"], message, fix))
    }
    if (denials === "mcp" && !body) {
      const message = "without bodies Narrowgate does not know which message it denies"
      const fix = "Write `body: true` if the gateway forwards whole bodies, otherwise `denials: http`."
      problems.push(gateways.error(["gateways", index, "denials"], message, fix))
    }
    if (experimental.includes("structured-denials") && toGateway(entry).denials !== "mcp") {
      const message = "`structured-denials` is a part of the answers of `denials: mcp`"
      const fix = "Write `denials: mcp`, or remove it."
      problems.push(gateways.error(["gateways", index, "experimental"], message, fix))
    }
    const traits: DialectTraits = DIALECTS[dialect]
    for (const [member, [message, fix]] of Object.entries(traits.rejects ?? {})) {
      if (member === "body" ? body : Object.hasOwn(entry, member))
        problems.push(gateways.error(["gateways", index, member], message, fix))
    }
    return problems
  })
}
