/** The Transaction Token that an allowed call takes along. */
import { argumentsHash } from "../core/catalog/arguments.ts"
import type { Located } from "../core/catalog/locate.ts"
import { formatScope } from "../core/catalog/pattern.ts"
import { openArguments } from "../core/catalog/redaction.ts"
import type { RequestContext } from "../request-context.ts"
import { signTransactionToken } from "../signing/sign-transaction-token.ts"
import type { Signer } from "../signing/signing-key.ts"
import type { Decision } from "./decision.ts"

/** What fails here is a defect: it goes up to the door, which refuses. */
export async function transactionOf(
  { id: decision, gateway: asking, agent, user, task, purpose, tool }: Omit<Decision, "transactionToken">,
  signer: Signer,
  located: Located,
  { config }: RequestContext,
): Promise<string | null> {
  const { transaction_tokens, ...gateway } = asking
  if (!transaction_tokens) return null
  if (agent === null || task === null || purpose === null || tool === null) throw new Error("allowed, and of nobody")
  const { name: pattern, action } = located.tool
  const call = { decision, agent, user, task, purpose, tool, scope: formatScope({ pattern, action }) }
  const { open, redacted } = openArguments(located.arguments, located.tool.redact)
  return signTransactionToken(
    signer,
    config.issuer,
    { ...gateway, transaction_tokens },
    { ...call, argumentsHash: argumentsHash(open), redacted },
    Date.now(),
  )
}
