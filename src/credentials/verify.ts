/**
 * Verifies the one credential of a call: our delegation token in the only Authorization header, for an audience that is
 * expected here, as a bearer token or bound by DPoP, as the token itself says. Nothing else opens a call.
 */
import { deny, isDenied, type Denied } from "../core/denials/denial.ts"
import type { Proof } from "../core/task/proof-log.ts"
import { verifyDelegationToken, type VerifiedToken } from "./delegation-token.ts"
import { rejectedProof, verifyProof, type ProofRejected } from "./dpop.ts"
import type { KeyFinder } from "./key-sets/own-keys.ts"

/** The parts of a request that concern its credential. */
export interface PresentedToken {
  /** `Authorization`, as received. */
  readonly authorization: string | null
  /** `DPoP`, as received. */
  readonly proof: string | null
  readonly method: string
  /** Public URI, without query. */
  readonly uri: string
}

export interface VerifiedCredential {
  readonly token: VerifiedToken
  /** Null for a bearer token. */
  readonly proof: Proof | null
}

/**
 * RFC 6750, section 2.1; RFC 9449, section 7.1. Two headers arrive joined by a comma, which no token contains: rejected
 * (GATEWAYS, pitfall 9).
 */
const AUTHORIZATION = /^(Bearer|DPoP) +([A-Za-z0-9._-]+)$/i

/** The scheme of its challenge, whatever follows it. */
export function schemeOf(authorization: string | null): "Bearer" | "DPoP" {
  return authorization !== null && /^DPoP /i.test(authorization) ? "DPoP" : "Bearer"
}

/** At once for a bearer token that is remembered. */
export function verifyCredential(
  presented: PresentedToken,
  audiences: ReadonlySet<string>,
  keys: KeyFinder,
  issuer: string,
  now: number,
): VerifiedCredential | Denied | Promise<VerifiedCredential | Denied> {
  if (presented.authorization === null) return deny({ reason: "token_missing" })
  const [, scheme, text] = AUTHORIZATION.exec(presented.authorization) ?? []
  if (scheme === undefined || text === undefined) return deny({ reason: "authorization_malformed" })
  const bound = scheme.toLowerCase() === "dpop"
  const token = verifyDelegationToken(text, keys, issuer, audiences, now)
  return token instanceof Promise
    ? token.then((verified) => checkBinding(verified, bound, presented, now))
    : checkBinding(token, bound, presented, now)
}

/** @param bound whether it is presented with the scheme of bound tokens */
function checkBinding(
  token: VerifiedToken | Denied,
  bound: boolean,
  presented: PresentedToken,
  now: number,
): VerifiedCredential | Denied | Promise<VerifiedCredential | Denied> {
  if (isDenied(token)) return token
  const jkt = token.claims.cnf?.jkt
  // A bound token alone opens nothing (RFC 9449, section 7.1), and a proof cannot bind a token that names no key.
  if (jkt !== undefined && !bound) return deny({ reason: "binding_required" })
  if (jkt === undefined) return bound ? deny({ reason: "binding_absent" }) : { token, proof: null }
  return presented.proof === null
    ? deny({ reason: "proof_missing" })
    : checkProof(token, jkt, { ...presented, proof: presented.proof }, now)
}

async function checkProof(
  token: VerifiedToken,
  jkt: string,
  presented: PresentedToken & { readonly proof: string },
  now: number,
): Promise<VerifiedCredential | Denied> {
  const { method, uri } = presented
  const proof = await verifyProof(presented.proof, { method, uri, ath: token.ath }, now)
  if ("rejected" in proof) return proofDenied(proof)
  return proof.jkt === jkt ? { token, proof } : proofDenied(rejectedProof("another key", presented.proof))
}

function proofDenied({ rejected: what, ...evidence }: ProofRejected): Denied {
  return deny({ reason: "proof_rejected", what, ...evidence })
}
