/**
 * What is behind a gateway can tell the tokens that are made for it from those that open calls; no client names a
 * retry.
 */
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"

export function checkGateways({ gateways }: Policies): Problem[] {
  const audiences = new Set(gateways.value.gateways.map(({ audience }) => audience))
  return gateways.value.gateways.flatMap(
    ({ dialect, transaction_tokens: wanted, request_id_header, asserts }, index) => {
      const problems: Problem[] = []
      if (wanted && audiences.has(wanted.audience)) {
        const message = `\`${wanted.audience}\` is the audience of delegation tokens too`
        const fix = "Write one of its own: who checks signature and audience alone would take one token for the other."
        problems.push(gateways.error(["gateways", index, "transaction_tokens", "audience"], message, fix))
      }
      if (dialect === "worker" && request_id_header !== undefined) {
        const message = "a Worker names its own request id, and the headers that it passes on are its client's"
        const fix = "Leave it out, and give `requestId` with the call."
        problems.push(gateways.error(["gateways", index, "request_id_header"], message, fix))
      }
      if (dialect === "kong" && request_id_header !== undefined) {
        const message =
          "all headers that Kong's OPA plugin tells are its client's: with an id of its own, it calls for free"
        const fix = "Leave it out: each question counts."
        problems.push(gateways.error(["gateways", index, "request_id_header"], message, fix))
      }
      if (dialect === "kong" && asserts !== undefined) {
        const message = "all headers that Kong's OPA plugin tells are its client's: none says what Kong has seen"
        const fix = "Leave it out, or ask as `apisix` from `pre-function` (docs/guides/gateways/kong.md)."
        problems.push(gateways.error(["gateways", index, "asserts"], message, fix))
      }
      return problems
    },
  )
}
