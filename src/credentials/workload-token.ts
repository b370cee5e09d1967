/**
 * A workload's token by a configured OIDC issuer (GitHub Actions, Kubernetes service accounts …). The issuer serves
 * many tenants, so its token alone identifies no agent: exactly one registered identity must name its issuer, its whole
 * subject, and the further claims that it must have.
 */
import type { AgentDefinition } from "../core/policy/definition/agents.ts"
import type { IssuerDefinition } from "../core/policy/definition/issuers.ts"
import type { ClaimPath } from "../core/policy/definition/claims.ts"
import type { Compact } from "./jws/compact.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { isRejected, reject, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import { checkAudience, checkExact, checkPlain, MAX_LIFE_SECONDS, verifySigned } from "./jws/signature.ts"
import { claimAt } from "./person.ts"
import { checkType } from "./token-kinds.ts"

interface Proven {
  readonly agent: string
  /**
   * Which of the agent's instances it is, by the claim that its identity names for that. Null if nothing says so; empty
   * if the claim is there, but is no text.
   */
  readonly instance: string | null
}

/**
 * @param agents those registered
 * @param audience our own URL
 */
export async function verifyWorkloadToken(
  compact: Compact,
  issuer: IssuerDefinition,
  agents: Iterable<AgentDefinition>,
  audience: string,
  fetchContext: FetchContext,
): Promise<Proven | Rejected> {
  const mistyped = checkType(compact, "workload_token")
  if (mistyped) return mistyped
  const requiredClaims = ["iss", "sub", "aud", "exp", "iat"]
  const options = { issuer: issuer.issuer ?? "", requiredClaims, maxLife: issuer.max_life ?? MAX_LIFE_SECONDS }
  const claims = await verifySigned(compact, issuer, options, fetchContext)
  if (isRejected(claims)) return claims
  const odd = checkAudience(claims, [audience], issuer.workloads?.other_audiences) ?? checkPlain(claims, null)
  if (odd) return odd
  const { sub } = claims
  if (typeof sub !== "string") return reject({ reason: "claim_mismatch", claim: "sub" })
  return agentOf(claims, sub, issuer.id, agents)
}

function agentOf(
  claims: Compact["claims"],
  sub: string,
  issuer: string,
  agents: Iterable<AgentDefinition>,
): Proven | Rejected {
  let failed: Rejected = reject({ reason: "subject_unknown", sub })
  const fitting = new Map<string, string | null>()
  for (const { id, identities = [] } of agents) {
    for (const identity of identities) {
      if (identity.kind !== "workload" || identity.issuer !== issuer || identity.subject !== sub) continue
      const lacking = checkExact(claims, identity.claims)
      if (lacking) failed = lacking
      else fitting.set(id, instanceOf(claims, identity.instance) ?? fitting.get(id) ?? null)
    }
  }
  const [found, ...others] = fitting
  if (found === undefined) return failed
  const [agent, instance] = found
  return others.length === 0 ? { agent, instance } : reject({ reason: "subject_ambiguous", sub })
}

/** Null if the token does not have the claim; empty if it is no text. */
function instanceOf(claims: Compact["claims"], path: ClaimPath | undefined): string | null {
  const found = path && claimAt(claims, path)
  if (found === undefined) return null
  return typeof found === "string" ? found : ""
}
