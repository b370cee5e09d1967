/** An issuer is trusted for one thing, and what it is trusted with can be distinguished and fetched safely. */
import { SVID_ALGORITHMS } from "../../../src/core/keys/algorithm.ts"
import { isLoopback, mayBeFetched } from "../../../src/core/encoding/url.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import { algorithmOf, weakness } from "../../../src/core/keys/key-strength.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { Path, Source } from "../source/source.ts"
import { unknownName, untrustedIssuer } from "./references.ts"

export function checkIssuers(policies: Policies): Problem[] {
  return [
    ...trust(policies),
    ...kinds(policies),
    ...asserted(policies),
    ...sources(policies),
    ...operatorsOf(policies),
    ...signIns(policies),
  ]
}

function trust({ issuers }: Policies): Problem[] {
  return issuers.value.issuers.flatMap((issuer, index) => {
    const { id, users, assertions, workloads, operators, trust_domain: domain, keys } = issuer
    const at: Path = ["issuers", index, "id"]
    const roles = [users || assertions || operators, workloads, domain !== undefined].filter(Boolean)
    const problems: Problem[] = []
    if (roles.length === 0) {
      const fix =
        "Add `users`, `assertions`, `workloads`, `trust_domain` or `operators: {clients: […]}`, or remove the issuer."
      problems.push(issuers.error(at, `issuer \`${id}\` is trusted for nothing`, fix))
    }
    if (roles.length > 1) {
      const message = `issuer \`${id}\` is trusted for people and for agents, or for agents in two ways`
      problems.push(issuers.error(at, message, "Keep one: one token must not be taken for two things."))
    }
    if (issuer.issuer === undefined && (users || assertions || operators || workloads || keys.discovery)) {
      const uses = { discovery: keys.discovery, users, assertions, workloads, operators }
      const [why = ""] = Object.entries(uses).flatMap(([name, used]) => (used ? [name] : []))
      problems.push(
        issuers.error(at, `\`${why}\` needs \`issuer\``, "Add `issuer:` with the exact `iss` of its tokens."),
      )
    }
    return problems
  })
}

/** What an audience or a client of one kind is must not be one of another. */
function kinds({ issuers }: Policies): Problem[] {
  return issuers.value.issuers.flatMap(({ users, operators, trust_domain: domain, algorithms }, index) => {
    const problems: Problem[] = []
    for (const [place, client] of (operators?.clients ?? []).entries()) {
      if (!users?.clients.includes(client)) continue
      const message = `client \`${client}\` is trusted for users and for operators`
      const fix = "Give operators a client of their own: what a person's app hands to an agent must not manage."
      problems.push(issuers.error(["issuers", index, "operators", "clients", place], message, fix))
    }
    const clients = new Set([...(users?.clients ?? []), ...(operators?.clients ?? [])])
    const audiences = [
      { role: "users", name: "audiences", values: users?.audiences ?? [] },
      { role: "operators", name: "audiences", values: operators?.audiences ?? [] },
      { role: "operators", name: "other_audiences", values: operators?.other_audiences ?? [] },
    ]
    for (const { role, name, values } of audiences) {
      for (const [place, audience] of values.entries()) {
        if (!clients.has(audience)) continue
        const message = `\`${audience}\` is the audience of access tokens and a client, which is that of ID tokens`
        const fix = "Give the API an audience of its own: the two kinds of token are distinguished by it."
        problems.push(issuers.error(["issuers", index, role, name, place], message, fix))
      }
    }
    for (const [place, algorithm] of algorithms.entries()) {
      if (domain === undefined || SVID_ALGORITHMS.includes(algorithm)) continue
      const message = `no JWT-SVID is signed with ${algorithm}`
      problems.push(issuers.error(["issuers", index, "algorithms", place], message, "Write RS, PS or ES algorithms."))
    }
    return problems
  })
}

/** What people sign in with has to be a token by which they may answer and manage. */
function signIns({ issuers }: Policies): Problem[] {
  return issuers.value.issuers.flatMap(({ operators, sign_in: signIn }, index) => {
    if (!signIn) return []
    const at: Path = ["issuers", index, "sign_in", "client"]
    if (operators?.clients.includes(signIn.client)) return []
    const fix = suggest(signIn.client, operators?.clients ?? [], "Add it to `operators: {clients: […]}`.")
    return [issuers.error(at, `\`${signIn.client}\` is none of the clients of \`operators\``, fix)]
  })
}

/** Other tokens name an asserted user alike, and the agent through which the user works is registered. */
function asserted({ issuers, agents }: Policies): Problem[] {
  const agentIds = agents.value.agents.map(({ id }) => id)
  return issuers.value.issuers.flatMap(({ users, assertions }, index) => {
    if (!assertions) return []
    const at: Path = ["issuers", index, "assertions"]
    const problems: Problem[] = []
    const [one, other] = [users?.claims.subject, assertions.claims.subject]
    if (one && JSON.stringify(one) !== JSON.stringify(other)) {
      const message = "a person is named by one claim in sessions and by another in assertions"
      const fix = "Write the same `claims.subject` in both: one person must not be two."
      problems.push(issuers.error([...at, "claims", "subject"], message, fix))
    }
    for (const [client, agent] of Object.entries(assertions.clients)) {
      if (agentIds.includes(agent)) continue
      const where = [...at, "clients", client]
      problems.push(unknownName(issuers, where, "agent", agent, agentIds, "Name an `id` of agents.yaml."))
    }
    return problems
  })
}

/** Places that keys come from, of issuers, agents and streams of events. */
function sources({ issuers, agents, streams }: Policies): Problem[] {
  const problems: Problem[] = []
  const owners: Owner[] = []
  for (const [index, { id, keys, algorithms, trust_domain: domain, issuer }] of issuers.value.issuers.entries()) {
    const at: Path = ["issuers", index]
    problems.push(...keysOf(issuers, [...at, "keys"], keys, algorithms))
    if (issuer !== undefined && keys.discovery) problems.push(...fetched(issuers, [...at, "issuer"], issuer))
    if (keys.spiffe_bundle !== undefined && domain === undefined) {
      const fix = "Add `trust_domain`, or write `jwks_uri` for a plain JWK set."
      problems.push(issuers.error([...at, "keys", "spiffe_bundle"], "a SPIFFE bundle is a trust domain's", fix))
    }
    const name = domain === undefined ? `issuer \`${id}\`` : `trust domain \`${domain}\``
    owners.push({ name, isSole: domain !== undefined, source: issuers, at: [...at, "keys"], keys })
  }
  for (const [index, { id, identities = [] }] of agents.value.agents.entries()) {
    for (const [place, { keys, algorithms = [] }] of identities.entries()) {
      if (!keys) continue
      const at: Path = ["agents", index, "identities", place, "keys"]
      problems.push(...keysOf(agents, at, keys, algorithms))
      owners.push({ name: `agent \`${id}\``, isSole: true, source: agents, at, keys })
    }
  }
  for (const [index, { id, keys, algorithms }] of streams.value.streams.entries()) {
    const at: Path = ["streams", index, "keys"]
    problems.push(...keysOf(streams, at, keys, algorithms))
    owners.push({ name: `stream \`${id}\``, isSole: false, source: streams, at, keys })
  }
  return [...problems, ...shared(owners)]
}

interface Owner {
  readonly name: string
  /**
   * The holder of its key can claim to be it, so no other issuer may have the key. Issuers that sign for `iss` may share keys.
   */
  readonly isSole: boolean
  readonly source: Source<unknown>
  readonly at: Path
  readonly keys: Keys
}

function shared(owners: readonly Owner[]): Problem[] {
  const seen = new Map<string, Owner>()
  return owners.flatMap((owner) => {
    for (const place of placesOf(owner.keys)) {
      const other = seen.get(place)
      if (other && other.name !== owner.name && (other.isSole || owner.isSole)) {
        const fix = "Give each keys of its own: with shared ones either can say that it is the other."
        return [owner.source.error(owner.at, `the keys are those of ${other.name} too`, fix)]
      }
      seen.set(place, owner)
    }
    return []
  })
}

/** However they are spelled: a URL by what it leads to, a key by what makes it one. */
function placesOf({ jwks_uri, spiffe_bundle, jwks }: Keys): string[] {
  const uri = jwks_uri ?? spiffe_bundle
  if (uri === undefined) return (jwks?.keys ?? []).map(({ kty, crv, x, y, n }) => JSON.stringify([kty, crv, x, y, n]))
  const { protocol, host, pathname } = new URL(uri)
  return [`${protocol}//${host.replace(/\.(?=:|$)/u, "")}${decodeURIComponent(pathname)}`]
}

interface Keys {
  readonly jwks_uri?: string
  readonly spiffe_bundle?: string
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
}

function keysOf(source: Source<unknown>, at: Path, keys: Keys, algorithms: readonly string[]): Problem[] {
  const { jwks_uri: uri, spiffe_bundle: bundle, jwks } = keys
  if (uri !== undefined) return fetched(source, [...at, "jwks_uri"], uri)
  if (bundle !== undefined) return fetched(source, [...at, "spiffe_bundle"], bundle)
  return (jwks?.keys ?? []).flatMap((jwk, place) => {
    const path = [...at, "jwks", "keys", place]
    const weak = weakness(jwk, "sig")
    if (weak !== null) {
      const fix =
        jwk["use"] === undefined || jwk["use"] === "sig"
          ? "Replace it by a stronger one."
          : 'Write `"use": "sig"`, or leave `use` out, if the key signs tokens; otherwise name the one that does.'
      return [source.error(path, `the key cannot be used: ${weak}`, fix)]
    }
    if (algorithmOf(jwk, algorithms) !== null) return []
    return [source.error(path, "the key fits none of `algorithms`", "Add its algorithm, or remove the key.")]
  })
}

/** Loopback passes: the local stack may reach it, and a deployed Worker refuses it. */
function fetched(source: Source<unknown>, path: Path, uri: string): Problem[] {
  const url = new URL(uri)
  if (mayBeFetched(url, false) || isLoopback(url)) return []
  const fix = "Write a public `https://` host: a Worker fetches nothing from private networks."
  return [source.error(path, `\`${url.host}\` is a private host`, fix)]
}

function operatorsOf(policies: Policies): Problem[] {
  const { operators } = policies
  return operators.value.operators.flatMap(({ issuer }, index) =>
    untrustedIssuer(policies, operators, ["operators", index, "issuer"], issuer, "operators"),
  )
}
