/** Each agent can be proven, and no credential proves two. */
import type { ExactClaims } from "../../../src/core/policy/definition/claims.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import { trustDomainOf, type Identity } from "../schema/agents.ts"
import { untrustedIssuer } from "./references.ts"

export function checkIdentities(policies: Policies): Problem[] {
  const { agents, issuers } = policies
  const domains = new Set(issuers.value.issuers.flatMap(({ trust_domain: domain }) => domain ?? []))
  const taken: { readonly agent: string; readonly identity: Identity }[] = []
  const problems: Problem[] = []
  for (const [index, { id, identities = [], client }] of agents.value.agents.entries()) {
    const domain = trustDomainOf(id)
    if (client?.metadata === true && domain !== undefined) {
      const fix = "Give it the URL of its Client ID Metadata Document as `id`, or write `redirect_uris`."
      problems.push(agents.error(["agents", index, "client"], "its id is not the URL of a document", fix))
    }
    // Its document may have keys of its own; a program that proves nothing gets what its user has consented to alone.
    const isProvenOtherwise = client?.metadata === true || client?.authentication === "none"
    if (domain === undefined && identities.length === 0 && !isProvenOtherwise) {
      const fix = "Add `identities`, or give it a SPIFFE ID that its JWT-SVID proves."
      problems.push(agents.error(["agents", index, "id"], "nothing proves that it is this agent", fix))
    }
    if (domain !== undefined && !domains.has(domain) && identities.length === 0 && !isProvenOtherwise) {
      const fix = suggest(domain, domains, "Add an issuer with this `trust_domain` to issuers.yaml.")
      problems.push(agents.error(["agents", index, "id"], `no issuer has the trust domain \`${domain}\``, fix))
    }
    for (const [at, identity] of identities.entries()) {
      const { issuer, subject = "" } = identity
      if (issuer === undefined) continue
      const path = ["agents", index, "identities", at]
      problems.push(...untrustedIssuer(policies, agents, [...path, "issuer"], issuer, "workloads"))
      const other = taken.find((each) => each.agent !== id && overlap(each.identity, identity))
      if (other) {
        const message = `subject \`${subject}\` proves agent \`${other.agent}\` too`
        const fix = "Give each a claim that differs, or remove one: whose call it is must be certain."
        problems.push(agents.error([...path, "subject"], message, fix))
      }
      taken.push({ agent: id, identity })
    }
  }
  return problems
}

/** Whether one token could fit both: same issuer and subject, and no claim that they want different. */
function overlap(one: Identity, other: Identity): boolean {
  return one.issuer === other.issuer && one.subject === other.subject && agree(one.claims ?? {}, other.claims ?? {})
}

function agree(one: ExactClaims, other: ExactClaims): boolean {
  return Object.entries(one).every(([claim, value]) => {
    const wanted = Object.hasOwn(other, claim) ? other[claim] : undefined
    if (wanted === undefined) return true
    return typeof value === "object" && typeof wanted === "object" ? agree(value, wanted) : value === wanted
  })
}
