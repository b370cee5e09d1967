/**
 * Transaction Tokens (draft-ietf-oauth-transaction-tokens): a signed statement to an upstream about one allowed call,
 * so that it need not trust every client that can reach it. Valid for half a minute, in the gateway's own trust domain.
 * It opens nothing here, because no endpoint accepts its type.
 */
import { SignJWT } from "jose"
import { rootOf } from "../core/task/state.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import type { Signer } from "./signing-key.ts"

export const TRANSACTION_TOKEN_TYPE = "txntoken+jwt"

/** Long enough for the upstream's own calls that follow; each call is decided, and gets its token, anew. */
const LIFE_SECONDS = 30

export interface Transaction {
  readonly decision: string
  readonly agent: string
  /** Issuer and subject, joined by `|`. Null if the agent works on its own behalf. */
  readonly user: string | null
  readonly task: string
  readonly purpose: string
  readonly tool: string
  /** Of exactly this call: `<tool>:<action>`. */
  readonly scope: string
  /**
   * Hex SHA-256 of the arguments in canonical JSON (RFC 8785), which the upstream can compute too. Null if there are
   * none, or not all were seen. Arguments that the catalog redacts are left out, because the token is read in more
   * places than the upstream.
   */
  readonly argumentsHash: string | null
  /** Names of the arguments that were left out. */
  readonly redacted: readonly string[]
  /** Every agent of the caller's chain, the calling one first. */
  readonly chain: readonly string[]
}

/** @param now milliseconds */
export async function signTransactionToken(
  { kid, alg, key }: Signer,
  issuer: string,
  gateway: GatewayDefinition & { readonly transaction_tokens: { readonly audience: string } },
  call: Transaction,
  now: number,
): Promise<string> {
  const { decision, agent, user, task, purpose, tool, scope, argumentsHash, redacted, chain } = call
  const { id, environment, transaction_tokens: wanted } = gateway
  const iat = Math.floor(now / 1000)
  return new SignJWT({
    // One transaction is one tree of tasks, whatever agents take part and however many calls it takes.
    txn: rootOf(task),
    scope,
    req_wl: agent,
    tctx: {
      task,
      purpose,
      tool,
      decision,
      ...(argumentsHash !== null && { arguments_hash: argumentsHash }),
      ...(redacted.length > 0 && { arguments_redacted: redacted }),
      ...(chain.length > 1 && { chain }),
    },
    rctx: { gateway: id, environment },
  })
    .setProtectedHeader({ alg, kid, typ: TRANSACTION_TOKEN_TYPE })
    .setIssuer(issuer)
    .setSubject(user ?? agent)
    .setAudience(wanted.audience)
    .setIssuedAt(iat)
    .setExpirationTime(iat + LIFE_SECONDS)
    .sign(key)
}
