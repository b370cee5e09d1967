/** The Transaction Token of an allowed call, for its upstream. */
import { argumentsHash } from "../core/catalog/arguments-hash.ts"
import type { Located } from "../core/catalog/locate.ts"
import { formatScope } from "../core/catalog/pattern.ts"
import { openArguments } from "../core/catalog/redaction.ts"
import type { RequestContext } from "../request-context.ts"
import { signTransactionToken } from "../signing/sign-transaction-token.ts"
import type { Signer } from "../signing/signing-key.ts"
import type { Decision } from "./decision.ts"

/** Returns null if the gateway wants none. An exception is a defect, for which the endpoint denies the call. */
export async function transactionOf(
  { id: decision, gateway: definition, agent, user, task, purpose, tool }: Omit<Decision, "transactionToken">,
  signer: Signer,
  located: Located,
  chain: readonly string[],
  { config }: RequestContext,
): Promise<string | null> {
  const { transaction_tokens, ...gateway } = definition
  if (!transaction_tokens) return null
  if (agent === null || task === null || purpose === null || tool === null)
    throw new Error("an allowed call without an agent, task, purpose or tool")
  const { name: pattern, action } = located.tool
  const call = { decision, agent, user, task, purpose, tool, scope: formatScope({ pattern, action }) }
  const { open, redacted } = openArguments(located.arguments, located.tool.redact)
  return signTransactionToken(
    signer,
    config.issuer,
    { ...gateway, transaction_tokens },
    { ...call, argumentsHash: argumentsHash(open), redacted, chain },
    Date.now(),
  )
}
