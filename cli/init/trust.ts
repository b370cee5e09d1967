/** Whose logins and whose agents a first directory trusts, from the flags. */
import { EXIT, Failure } from "../terminal/failure.ts"
import { trustDomainOf } from "../compiler/schema/agents.ts"
import type { Trust } from "./files/plan.ts"

export interface TrustOptions {
  readonly issuer?: string
  readonly client: string
  readonly operatorClient: string
  readonly operator?: string
  readonly spiffeBundle?: string
  readonly agentKeys?: string
}

/** The trust domain of the local stack. */
const LOCAL_DOMAIN = "example.org"

export function trustOf(options: TrustOptions, agent: string): Trust {
  const { issuer, client, operatorClient, operator, spiffeBundle, agentKeys } = options
  const domain = trustDomainOf(agent)
  if (issuer === undefined) {
    if (domain === LOCAL_DOMAIN) return { kind: "local" }
    const fix = `Write \`spiffe://${LOCAL_DOMAIN}/agent/…\`, or name your own provider by \`--issuer\`.`
    throw new Failure(`the local stack proves agents of \`${LOCAL_DOMAIN}\` only`, fix, EXIT.usage)
  }
  const [by, url, flag] =
    domain === undefined
      ? (["jwks_uri", agentKeys, "--agent-keys"] as const)
      : (["spiffe_bundle", spiffeBundle, "--spiffe-bundle"] as const)
  if (url === undefined) {
    const fix = `State the URL of the keys that prove it: \`${flag} https://…\`.`
    throw new Failure(`nothing would prove that it is ${agent}`, fix, EXIT.usage)
  }
  return { kind: "provider", issuer, client, operatorClient, operator: operator ?? null, proof: { by, url } }
}
