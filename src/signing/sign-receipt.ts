/** Signs receipts of decisions by the ring's Ed25519 key, as checkpoints are. */
import { SignJWT } from "jose"
import { RECEIPT_TYPE, type ReceiptClaims } from "../core/proof/receipt.ts"
import type { Signer } from "./signing-key.ts"

export interface Receipt extends ReceiptClaims {
  readonly decision: string
  /** The agent that the decision is about. Null if none is proven. */
  readonly agent: string | null
}

/** @param now milliseconds */
export async function signReceipt(
  { kid, alg, key }: Signer,
  issuer: string,
  { decision, agent, ...claims }: Receipt,
  now: number,
): Promise<string> {
  const jwt = new SignJWT({ ...claims, jti: decision })
  if (agent !== null) jwt.setSubject(agent)
  return jwt
    .setProtectedHeader({ alg, kid, typ: RECEIPT_TYPE })
    .setIssuer(issuer)
    .setIssuedAt(Math.floor(now / 1000))
    .sign(key)
}
