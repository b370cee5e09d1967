/** Each issuer is reached, is who issuers.yaml says, and has keys that verify its tokens. */
import type { IssuerDefinition } from "../../../src/core/policy/definition/issuers.ts"
import { documentUrl } from "../../../src/core/policy/definition/keys.ts"
import { algorithmOf, weakness } from "../../../src/core/keys/key-strength.ts"
import { isObject } from "../../../src/core/encoding/json.ts"
import { mayBeFetched } from "../../../src/core/encoding/url.ts"
import { isLoopback } from "../../remote/worker.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { Failure } from "../../terminal/failure.ts"
import { about, failed, ok, problem, skipped, warn, type Finding } from "../finding.ts"
import { withoutPolicies, type Subject } from "../subject.ts"

/** A set with more is no set of keys that are in use. */
const MOST_KEYS = 100

export async function checkIssuers(subject: Subject): Promise<readonly Finding[]> {
  const { body } = subject
  if (!body) return [withoutPolicies(subject)]
  return Promise.all(body.issuers.map(async (issuer) => about(issuer.id, await judgeIssuer(issuer, subject))))
}

async function judgeIssuer(issuer: IssuerDefinition, { get, url, loopback }: Subject): Promise<Finding> {
  if (issuer.keys.kind === "inline") return judgeKeys(issuer, issuer.keys.jwks, "issuers.yaml")
  const first = documentUrl(issuer) ?? ""
  const mayRequest = (at: URL | null): boolean => at !== null && mayBeFetched(at, loopback === "everything")
  if (!mayRequest(URL.parse(first))) return skipped(`the Worker never requests ${first}`)
  const unreached = (failure: Failure, at: string): Finding => unreachedIssuer(failure, at, isLoopback(url))
  const document = await get(first)
  if (document instanceof Failure) return unreached(document, first)
  if (document.status !== 200) return unusable(issuer, first, `HTTP ${document.status}`)
  if (issuer.keys.kind !== "discovery") return judgeKeys(issuer, document.json, first)
  const { issuer: name, jwks_uri: uri } = isObject(document.json) ? document.json : {}
  if (name !== issuer.issuer) {
    const found = typeof name === "string" ? `names the issuer ${name}` : "names no issuer"
    const fix = `Write in issuers.yaml the issuer letter by letter as its provider does${typeof name === "string" ? `: ${name}` : "."}`
    return problem(`${first} ${found}, not ${issuer.issuer}`, fix)
  }
  if (typeof uri !== "string") return unusable(issuer, first, "no `jwks_uri`")
  if (!mayRequest(URL.parse(uri)))
    return unusable(issuer, first, `its \`jwks_uri\` ${uri} is no public https URL, which alone the Worker fetches`)
  const keys = await get(uri)
  if (keys instanceof Failure) return unreached(keys, uri)
  return keys.status === 200 ? judgeKeys(issuer, keys.json, uri) : unusable(issuer, uri, `HTTP ${keys.status}`)
}

/**
 * The provider of the local stack runs with it. Another one may be reached from the Worker's machine alone.
 * @param isNear the Worker is on this machine
 */
function unreachedIssuer(failure: Failure, url: string, isNear: boolean): Finding {
  if (isLoopback(url) && failure.message.startsWith("nothing listens"))
    return skipped(`${failure.message}; the local stack's runs with it: ${CALLED} dev`)
  if (isNear) return failed(failure)
  return warn(`not reached from this machine: ${failure.message}`, "Make sure that the Worker reaches it.")
}

function unusable({ id }: IssuerDefinition, url: string, what: string): Finding {
  return problem(
    `${url}: ${what}`,
    `Correct \`issuer\` and \`keys\` of ${id} in issuers.yaml; no token of it verifies.`,
  )
}

function judgeKeys(issuer: IssuerDefinition, set: unknown, where: string): Finding {
  const keys = isObject(set) && Array.isArray(set["keys"]) ? set["keys"].slice(0, MOST_KEYS).filter(isObject) : null
  if (!keys) return unusable(issuer, where, "no key set")
  const use = issuer.keys.kind === "spiffe_bundle" ? "jwt-svid" : "sig"
  const usable = keys.filter((jwk) => weakness(jwk, use) === null && algorithmOf(jwk, issuer.algorithms) !== null)
  const wanted = issuer.algorithms.join(", ")
  if (usable.length > 0) {
    const found = new Set(usable.flatMap((jwk) => algorithmOf(jwk, issuer.algorithms) ?? []))
    return ok(
      `${issuer.issuer ?? where}: ${usable.length} of ${keys.length} keys are usable (${[...found].join(", ")})`,
    )
  }
  const [weak] = keys.flatMap((jwk) => weakness(jwk, use) ?? [])
  const offered = [...new Set(keys.map((jwk) => String(jwk["alg"] ?? jwk["kty"])))].join(", ")
  const why = keys.length === 0 ? "it is empty" : (weak ?? `its keys are for ${offered}, and ${wanted} is expected`)
  return problem(
    `${where} has no key that verifies: ${why}`,
    `Set \`algorithms\` of ${issuer.id} in issuers.yaml to what it signs with, or have it sign with ${wanted}.`,
  )
}
