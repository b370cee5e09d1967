/**
 * What is wrong with the shape of an agent's assertion, for the client that sent it. It follows from the text of the
 * assertion and from our own URL, and from nothing that is registered here: an unidentified client must not learn by it
 * which agents, keys, issuers or trust domains there are.
 */
import { isAlgorithm } from "../core/keys/algorithm.ts"
import { isRejected } from "../core/denials/terms/credential-rejection.ts"
import { MAX_LIFE_SECONDS, TOKEN_ENDPOINT } from "./client-assertion.ts"
import { readCompact, type Compact } from "./jws/compact.ts"
import { CLOCK_TOLERANCE_SECONDS, isSoleAudience, textsOf, typeOf } from "./jws/signature.ts"

type Kind = "own" | "workload" | "svid"

/** Each kind's required claims (RFC 7523, section 3; SPIFFE JWT-SVID, section 3). */
const REQUIRED: Readonly<Record<Kind, readonly string[]>> = {
  own: ["iss", "sub", "aud", "exp", "jti"],
  workload: ["iss", "sub", "aud", "exp", "iat"],
  svid: ["sub", "aud", "exp"],
}
const TYPES: ReadonlySet<string | null> = new Set([null, "jwt", "jose", "client-authentication+jwt"])
/** A token with one of these is not a plain proof of identity. */
const FOREIGN = ["act", "may_act", "cnf", "events"]

/**
 * @param issuer our own URL
 * @param now milliseconds
 * @returns sentences of the characters that an `error_description` may have (RFC 6749, section 5.2)
 */
export function describeFlaws(token: string, issuer: string, now: number): string {
  const compact = readCompact(token)
  if (isRejected(compact)) {
    const { rejected } = compact
    if (rejected.reason !== "header_refused") return "It is no signed token in compact form."
    return `Its header has ${rejected.member}, which is not accepted.`
  }
  const flaws = flawsOf(compact, issuer, now / 1000)
  if (flaws.length > 0) return flaws.join(" ")
  return "Its shape is right, but no registered agent or issuer is proven by it: compare iss, sub, kid, alg and the key with what is registered."
}

function flawsOf({ header, claims }: Compact, issuer: string, now: number): readonly string[] {
  const { iss, sub, aud, exp, iat, nbf } = claims
  const kind = kindOf(iss, sub)
  const flaws: string[] = []
  if (!TYPES.has(typeOf({ header }))) flaws.push("Its typ is that of another kind of token.")
  if (!isAlgorithm(header.alg)) flaws.push("Its alg is none that is accepted: neither none nor one of a shared secret.")
  const missing = REQUIRED[kind].filter((claim) => !Object.hasOwn(claims, claim))
  if (missing.length > 0) flaws.push(`It lacks ${missing.join(", ")}.`)
  // Of a workload of a provider: then nothing is wrong with its iss.
  const isAlsoForOthers = kind === "workload" && textsOf(aud).includes(issuer) && !isSoleAudience(aud, issuer)
  if (kind === "workload" && iss !== undefined && sub !== undefined && !isAlsoForOthers) {
    flaws.push(
      "Its iss and sub differ: in an agent's own assertion both are the agent's id; otherwise its iss has to be a registered issuer of workloads.",
    )
  }
  if (isAlsoForOthers) flaws.push(`Its aud names others than ${issuer}. ${OTHER_AUDIENCES}`)
  else if (aud !== undefined && !isSoleAudience(aud, issuer)) flaws.push(audienceFlaw(aud, issuer))
  const isTime = (value: unknown): value is number => typeof value === "number"
  const times = Object.entries({ exp, iat, nbf })
  const odd = times.filter(([, time]) => time !== undefined && !isTime(time)).map(([name]) => name)
  if (odd.length > 0) flaws.push(`Its ${odd.join(" and ")} is no number.`)
  if (isTime(exp)) {
    const from = isTime(iat) ? Math.min(iat, now) : now
    if (exp <= now - CLOCK_TOLERANCE_SECONDS) flaws.push("It has expired.")
    else if (kind === "own" && exp - from > MAX_LIFE_SECONDS + CLOCK_TOLERANCE_SECONDS) {
      flaws.push(`Its exp is more than ${MAX_LIFE_SECONDS} seconds after its iat.`)
    }
  }
  const later = Object.entries({ iat, nbf }).flatMap(([name, time]) =>
    isTime(time) && time > now + CLOCK_TOLERANCE_SECONDS ? [name] : [],
  )
  if (later.length > 0) flaws.push(`Its ${later.join(" and ")} is in the future.`)
  const foreign = FOREIGN.filter((claim) => Object.hasOwn(claims, claim))
  if (foreign.length > 0) flaws.push(`It has ${foreign.join(", ")}, which a proof of identity must not have.`)
  return flaws
}

const OTHER_AUDIENCES =
  "Request it for that audience alone, or have the others listed in the other_audiences of its issuer. If they are, compare sub, kid, alg and the key with what is registered."

function kindOf(iss: unknown, sub: unknown): Kind {
  if (iss !== undefined && iss === sub) return "own"
  return typeof sub === "string" && sub.startsWith("spiffe:") ? "svid" : "workload"
}

function audienceFlaw(aud: unknown, issuer: string): string {
  const isNear = textsOf(aud).some((each) => each === `${issuer}/` || each === issuer + TOKEN_ENDPOINT)
  return isNear
    ? `Its aud must be ${issuer} alone, without a slash at the end and not the token endpoint, unless the agent's identity is registered with audience: token_endpoint.`
    : `Its aud must be ${issuer} alone.`
}
