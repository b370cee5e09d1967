/** A token that is given: whose it is, for whom, how long, and whether it needs a key. The token itself is never shown. */
import { compactVerify, createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JWTPayload } from "jose"
import { CLIENT_CLAIMS, type IssuerDefinition } from "../../../src/core/policy/definition/issuers.ts"
import { isSameResource } from "../../../src/core/encoding/url.ts"
import { Failure } from "../../terminal/failure.ts"
import { ok, problem, skipped, warn, type Finding } from "../finding.ts"
import { duration } from "../since.ts"
import type { Subject } from "../subject.ts"

export async function checkToken(subject: Subject): Promise<readonly Finding[]> {
  const { token, url } = subject
  if (token === undefined) return [skipped("no token is given (--token-env VARIABLE)")]
  const claims = claimsOf(token)
  if (!claims)
    return [
      problem("it is no JWT", "Have the provider issue JWTs for this audience: opaque tokens cannot be verified."),
    ]
  const isOurs = claims.iss === new URL(url).origin
  return [
    judgeTimes(claims, Date.now() / 1000),
    judgeBinding(claims),
    ...(isOurs
      ? [judgeAudience(claims, subject), await judgeSignature(token, subject)]
      : [judgeForeign(claims, subject)]),
  ]
}

function claimsOf(token: string): JWTPayload | null {
  try {
    decodeProtectedHeader(token)
    return decodeJwt(token)
  } catch {
    return null
  }
}

/** Clocks may differ by so much. Seconds. */
const TOLERANCE = 30

export function judgeTimes({ exp, nbf, iat }: JWTPayload, now: number): Finding {
  if (typeof exp !== "number") return problem("it never expires, and is not accepted", "Have its issuer set `exp`.")
  if (exp <= now) return problem(`it has expired ${duration(now - exp)} ago`, "Get a new one.")
  const begins = Math.max(...[nbf, iat].map((time: unknown) => (typeof time === "number" ? time : 0)))
  if (begins > now + TOLERANCE)
    return problem(`it is valid in ${duration(begins - now)} only`, "Set the clock of its issuer, or this machine's.")
  return ok(`it is valid for another ${duration(exp - now)}`)
}

function judgeBinding({ cnf }: JWTPayload): Finding {
  const members = Object.keys(typeof cnf === "object" && cnf !== null ? cnf : {})
  if (members.length === 0) return ok("it is a bearer token, bound to no key")
  if (members.includes("jkt")) return ok("it is bound to a key: send it as `DPoP`, with a proof by that key (RFC 9449)")
  return warn(`it is bound by ${members.join(", ")}, which is not looked at here`, "For a bound token, use DPoP.")
}

/** Of a delegation token: a gateway accepts its own audience alone. */
function judgeAudience({ aud }: JWTPayload, { body }: Subject): Finding {
  const audiences = [aud ?? []].flat()
  if (!body) return ok(`a delegation token of this Worker, for ${audiences.join(", ")}`)
  const accept = body.gateways.filter(({ audience }) => audiences.some((each) => isSameResource(each, audience)))
  const names = accept.map(({ id }) => id).join(", ")
  if (accept.length > 0) return ok(`a delegation token of this Worker, for ${audiences.join(", ")} (gateway ${names})`)
  const known = [...new Set(body.gateways.map(({ audience }) => audience))].join(", ")
  const fix = `Request it with \`resource\` or \`audience\`, one of: ${known}`
  return problem(`it is for ${audiences.join(", ") || "nobody"}, and no gateway accepts that`, fix)
}

async function judgeSignature(token: string, { url, get }: Subject): Promise<Finding> {
  const answer = await get(new URL("/.well-known/jwks.json", url))
  if (answer instanceof Failure || answer.status !== 200) return skipped("the Worker's keys were not reached")
  try {
    await compactVerify(token, createLocalJWKSet(keySet(answer.json)))
    return ok("it is signed by the Worker")
  } catch {
    return problem("no key of the Worker has signed it", "Get a new one from this very Worker.")
  }
}

/** jose checks the set itself, and throws. */
function keySet(json: unknown): Parameters<typeof createLocalJWKSet>[0] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `createLocalJWKSet` rejects what is none
  return json as Parameters<typeof createLocalJWKSet>[0]
}

/** Of a session, an operator or a workload. */
function judgeForeign(claims: JWTPayload, { body, url }: Subject): Finding {
  const { iss, aud } = claims
  if (!body) return skipped(`it is of ${iss ?? "no issuer"}; without policies nobody knows whether that is trusted`)
  const issuer = body.issuers.find((each) => each.issuer !== undefined && each.issuer === iss)
  if (!issuer) {
    const known = body.issuers.flatMap((each) => each.issuer ?? []).join(", ")
    const isWorkload = body.issuers.some(({ trust_domain: domain }) => domain !== undefined) && iss === undefined
    if (isWorkload) return judgeWorkload(aud, url)
    return problem(`it is of ${iss ?? "no issuer"}, which issuers.yaml does not have`, `Get it from one of: ${known}`)
  }
  const audiences = [aud ?? []].flat()
  const client = CLIENT_CLAIMS.map((name) => claims[name]).find((value) => typeof value === "string")
  const uses = usesOf(issuer, new URL(url).origin)
  const forUs = uses.filter(({ audience }) => audiences.includes(audience))
  const fitting = forUs.find(({ clients }) => clients === null || clients.some((each) => each === client))
  if (fitting) return ok(`it is of ${issuer.id}, for ${fitting.audience}: ${fitting.use}`)
  if (forUs.length > 0) {
    const known = [...new Set(forUs.flatMap(({ clients }) => clients ?? []))].join(", ")
    const fix = `Get it by one of the clients ${known}, or add that one to ${issuer.id} in issuers.yaml.`
    return problem(
      `it is of ${issuer.id}, and its client ${client ?? "is not named"}: no tokens of that are accepted`,
      fix,
    )
  }
  const wanted = [...new Set(uses.map(({ audience, use }) => `${audience} (${use})`))].join(", ")
  const text = `it is of ${issuer.id}, and for ${audiences.join(", ") || "nobody"}, not for this Worker`
  return problem(text, `Request it for one of: ${wanted}`)
}

/** JWT-SVID, section 3: the audience is who is to accept it. */
function judgeWorkload(aud: JWTPayload["aud"], url: string): Finding {
  const { origin } = new URL(url)
  if ([aud ?? []].flat().includes(origin)) return ok("a workload's identity, for this Worker")
  return problem("a workload's identity for another audience", `Request it for the audience ${origin}`)
}

interface Use {
  readonly use: string
  readonly audience: string
  /** To which it has to be issued. Null: any. */
  readonly clients: readonly string[] | null
}

function usesOf({ users, operators, workloads, trust_domain: domain }: IssuerDefinition, worker: string): Use[] {
  const session = "a user's session, which an agent exchanges"
  return [
    ...(users?.audiences ?? []).map((audience) => ({ use: session, audience, clients: users?.clients ?? [] })),
    ...(users?.clients ?? []).map((audience) => ({ use: session, audience, clients: null })),
    ...(operators ? (operators.audiences ?? [worker]) : []).map((audience) => ({
      use: "an operator's or approver's token",
      audience,
      clients: operators?.clients ?? [],
    })),
    ...(workloads || domain !== undefined ? [{ use: "an agent's identity", audience: worker, clients: null }] : []),
  ]
}
