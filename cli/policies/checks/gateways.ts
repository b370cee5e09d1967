/** What is behind a gateway can tell the tokens that are made for it from those that open calls. */
import type { Policies } from "../policies.ts"
import type { Problem } from "../problem.ts"

export function checkGateways({ gateways }: Policies): Problem[] {
  const audiences = new Set(gateways.value.gateways.map(({ audience }) => audience))
  return gateways.value.gateways.flatMap(({ transaction_tokens: wanted }, index) => {
    if (!wanted || !audiences.has(wanted.audience)) return []
    const message = `\`${wanted.audience}\` is the audience of delegation tokens too`
    const mend = "Write one of its own: who checks signature and audience alone would take one token for the other."
    return [gateways.error(["gateways", index, "transaction_tokens", "audience"], message, mend)]
  })
}
