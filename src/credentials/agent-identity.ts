/**
 * Which agent a credential proves. Its issuer determines the kind, and each kind has rules that the others cannot meet:
 * our configured issuers of workloads by their exact `iss`, an agent's own assertion by `iss` = `sub`, and the rest by
 * SPIFFE ID. A credential that fails as one kind is never tried as the next.
 */
import type { Lookup } from "../core/encoding/lookup.ts"
import type { AgentDefinition } from "../core/policy/definition/agents.ts"
import type { IssuerDefinition } from "../core/policy/definition/issuers.ts"
import { verifyClientAssertion } from "./client-assertion.ts"
import { clientDocument } from "./client-document.ts"
import { readCompact } from "./jws/compact.ts"
import { verifySvid } from "./jwt-svid.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { isRejected, ofCredential, reject, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import { verifyWorkloadToken } from "./workload-token.ts"

export interface Registry {
  readonly agents: Lookup<AgentDefinition>
  readonly issuers: readonly IssuerDefinition[]
}

export interface ProvenAgent {
  readonly agent: string
  /** Which of the agent's instances it is, by a claim of its issuer. Null if the credential does not say; empty if it is no text. */
  readonly instance: string | null
  /** Milliseconds since the epoch, when the credential was issued; 0 if it does not say. */
  readonly since: number
  /** What makes the credential single-use, and until when that has to be remembered (milliseconds). */
  readonly once: { readonly issuer: string; readonly jti: string; readonly until: number } | null
}

/**
 * @param kind `spiffe`: the request declares a JWT-SVID, so no other kind is accepted
 * @param audience our own URL
 */
export async function verifyAgent(
  token: string,
  kind: "any" | "spiffe",
  registry: Registry,
  audience: string,
  fetchContext: FetchContext,
): Promise<ProvenAgent | Rejected> {
  return ofCredential(await verify(token, kind, registry, audience, fetchContext), token)
}

async function verify(
  token: string,
  kind: "any" | "spiffe",
  { agents, issuers }: Registry,
  audience: string,
  fetchContext: FetchContext,
): Promise<ProvenAgent | Rejected> {
  const compact = readCompact(token)
  if (isRejected(compact)) return compact
  const { iss, sub, iat } = compact.claims
  // Verified with the rest before it counts. Other clocks may be ahead; the authority begins now at the latest.
  const since = typeof iat === "number" ? Math.min(iat * 1000, fetchContext.now) : 0
  const issuer = issuers.find((each) => each.issuer !== undefined && each.issuer === iss)
  const own = typeof iss === "string" && iss === sub ? agents.get(iss) : undefined
  if (kind === "any" && issuer?.workloads) {
    const proven = await verifyWorkloadToken(compact, issuer, agents.values(), audience, fetchContext)
    return isRejected(proven) ? proven : { ...proven, since, once: onceOf(compact.claims, issuer) }
  }
  if (kind === "any" && own && (own.identities || own.client?.metadata === true)) {
    const registered = await withDocument(own, fetchContext)
    if (isRejected(registered)) return registered
    const proven = await verifyClientAssertion(compact, registered, audience, fetchContext)
    if (isRejected(proven)) return proven
    const { agent, jti, expiresAt: until } = proven
    return { agent, instance: null, since, once: { issuer: agent, jti, until } }
  }
  // A subject that is no workload of a trust domain can only belong to an issuer that is not configured.
  const isSvid = typeof sub === "string" && sub.startsWith("spiffe:")
  if (!isSvid || (issuer && issuer.trust_domain === undefined)) {
    return reject({ reason: "issuer_unknown", iss: typeof iss === "string" ? iss : null })
  }
  const proven = await verifySvid(compact, issuers, audience, fetchContext)
  if (isRejected(proven)) return proven
  const domain = issuers.find(
    ({ trust_domain: name }) => name !== undefined && proven.agent.startsWith(`spiffe://${name}/`),
  )
  return { ...proven, instance: null, since, once: domain ? onceOf(compact.claims, domain) : null }
}

/** The agent with the keys in its own metadata document, if it has one. */
async function withDocument(agent: AgentDefinition, fetchContext: FetchContext): Promise<AgentDefinition | Rejected> {
  if (agent.client?.metadata !== true) return agent
  const document = await clientDocument(agent.id, fetchContext)
  if ("problem" in document) return reject({ reason: "keys_unavailable", issuer: agent.id })
  const { identity } = document
  return { ...agent, identities: [...(agent.identities ?? []), ...(identity ? [identity] : [])] }
}

/**
 * If the issuer's entry says `single_use`. A token without a `jti` cannot be told apart from others, and is rejected
 * later.
 */
function onceOf(
  { jti, exp }: { readonly jti?: unknown; readonly exp?: unknown },
  issuer: IssuerDefinition,
): ProvenAgent["once"] {
  if (issuer.single_use !== true) return null
  return { issuer: issuer.id, jti: typeof jti === "string" ? jti : "", until: (Number(exp) + 60) * 1000 }
}
