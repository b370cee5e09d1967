/** issuers.yaml: the issuers of users and of agents that are trusted. */
import { trustDomainOf } from "../../compiler/schema/agents.ts"
import { field } from "../../import/catalog-text.ts"
import type { Plan, Trust } from "./plan.ts"

/** The `id` of the issuer of users, which operators.yaml names. */
export const PEOPLE = "people"

export function issuersText({ trust, agent }: Plan): string {
  return trust.kind === "local" ? LOCAL : ofProvider(trust, agent)
}

const LOCAL = `\
# Whose tokens are believed, and for what: \`users\` for people's sessions, \`trust_domain\` for agents (SPIFFE
# JWT-SVIDs), \`operators\` for those who manage Narrowgate. These two are the development identity provider of the
# local stack (\`narrowgate dev\`); put your own in their place before you deploy: docs/guides/identity-providers/.

issuers:
  - id: ${PEOPLE}
    issuer: http://127.0.0.1:8788
    keys:
      discovery: true
    algorithms: [ES256]
    users:
      # Access tokens made for Narrowgate, and ID tokens of this app.
      audiences: [http://127.0.0.1:8787]
      clients: [narrowgate-app]
    # None of them is an app whose sessions agents exchange: what an agent holds must not manage.
    operators:
      clients: [narrowgate, narrowgate-cli, narrowgate-console]
    # They sign in to the console, and to consent, with this one.
    sign_in:
      client: narrowgate-console
      scope: openid groups

  - id: workloads
    trust_domain: example.org
    keys:
      spiffe_bundle: http://127.0.0.1:8788/workload/keys
    algorithms: [ES256]
`

function ofProvider(trust: Extract<Trust, { kind: "provider" }>, agent: string): string {
  const { issuer, client, operatorClient, proof } = trust
  const domain = trustDomainOf(agent)
  const workloads = `
  - id: workloads
    ${field("trust_domain", domain ?? "")}
    keys:
      ${field("spiffe_bundle", proof.url)}
    algorithms: [ES256, RS256]
`
  return `\
# Whose tokens are believed, and for what: \`users\` for people's sessions, \`operators\` for those who manage
# Narrowgate, \`trust_domain\` for agents (SPIFFE JWT-SVIDs). What each provider needs: docs/guides/identity-providers/.

issuers:
  - id: ${PEOPLE}
    ${field("issuer", issuer)}
    keys:
      discovery: true
    algorithms: [ES256, RS256]
    users:
      # ID tokens of this app. With \`audiences: [<the Worker's URL>]\` access tokens made for Narrowgate as well.
      ${field("clients", [client])}
      # Where the groups of a person stand in the token.
      claims:
        groups: groups
    # None of them is an app whose sessions agents exchange: what an agent holds must not manage.
    operators:
      ${field("clients", [operatorClient])}
${proof.by === "spiffe_bundle" ? workloads : ""}`
}
