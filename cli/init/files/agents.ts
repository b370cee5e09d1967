/** agents.yaml: one purpose, one agent. */
import { field } from "../../import/catalog-text.ts"
import { scopesOf, type Plan } from "./plan.ts"

export function agentsText(plan: Plan): string {
  const scopes = scopesOf(plan)
  const reads = scopes.filter((scope) => scope.endsWith(":read"))
  const isNarrower = reads.length > 0 && reads.length < scopes.length
  return `\
# Who may act, and for what. A purpose is a kind of work: the most that a task of this kind may do, and how long it may
# last (seconds). An agent has a ceiling over all it does, and its purposes, the first of which is taken where a request
# names none. What a task gets is never more than purpose *and* ceiling *and* what the rules permit.
# Scopes are \`<tool or prefix.*>:<read|write|execute>\`.

purposes:
  - ${field("name", plan.purpose)}
    grant:
      ${field("tools", scopes)}
      ${field("max_sensitivity", plan.highest)}
      # Of one task, its sub-agents' counted in.
      calls: 200
${isNarrower ? defaultOf(reads) : ""}    life: 3600

agents:
  - ${field("id", plan.agent)}
    # Who answers for it.
    ${field("owner", plan.owner)}
    ceiling:
      ${field("tools", scopes)}
      ${field("max_sensitivity", plan.highest)}
    ${field("purposes", [plan.purpose])}
${identities(plan)}`
}

function defaultOf(reads: readonly string[]): string {
  return `    # Reading is granted unasked, anything else only on request.\n    ${field("default", reads)}\n`
}

function identities({ trust }: Plan): string {
  if (trust.kind === "local" || trust.proof.by === "spiffe_bundle") return ""
  return `    identities:
      # It signs its own assertions (private_key_jwt) with a key that is published there.
      - keys:
          ${field("jwks_uri", trust.proof.url)}
        algorithms: [ES256, RS256]
`
}
