/**
 * Our own delegation token, the only kind of token that a gateway's call may carry: a JWT access token (RFC 9068,
 * `at+jwt`) signed by our key ring. Verified tokens are remembered, because their signature does not change.
 */
import { isTaskId } from "../core/task/state.ts"
import { jwtVerify } from "jose"
import * as z from "zod"
import { deny, type Denial, type Denied } from "../core/denials/denial.ts"
import { rejectedHash } from "../core/encoding/hash.ts"
import { isObject } from "../core/encoding/json.ts"
import { prepared } from "../platform/prepared-schema.ts"
import { isOwnAlgorithm } from "../core/keys/algorithm.ts"
import { readCompact } from "./jws/compact.ts"
import { KeysUnavailable, type KeyFinder, type OwnKey } from "./key-sets/own-keys.ts"
import { isRejected, type CredentialRejection } from "../core/denials/terms/credential-rejection.ts"
import { rejectionOf } from "./jws/signature.ts"
import { tokenDigests } from "./jws/token-digests.ts"
import { checkType } from "./token-kinds.ts"

const claimsSchema = prepared(
  z.object({
    iss: z.string(),
    sub: z.string(),
    aud: z.string(),
    client_id: z.string(),
    task: z.string().refine(isTaskId),
    purpose: z.string(),
    scope: z.string(),
    act: z.unknown().optional(),
    cnf: z.object({ jkt: z.string() }).optional(),
    /**
     * Seconds since the epoch, when the authority behind its tree was given: the user's session, or the agent's own.
     */
    since: z.number(),
    authorization_details: z.unknown().optional(),
    iat: z.number(),
    exp: z.number(),
    jti: z.string(),
  }),
  {
    iss: "",
    sub: "",
    aud: "",
    client_id: "",
    task: `tsk_${"0".repeat(36)}`,
    purpose: "",
    scope: "",
    cnf: { jkt: "" },
    since: 0,
    iat: 0,
    exp: 0,
    jti: "",
  },
)
export type DelegationClaims = z.infer<typeof claimsSchema>

export interface VerifiedToken {
  readonly claims: DelegationClaims
  /** Identifies the token in records; see `tokenDigests`. */
  readonly hash: string
  /** Base64url SHA-256 of the token, which a proof for it must contain (RFC 9449, section 4.2). */
  readonly ath: string
  readonly kid: string
  /** Every agent of its chain, the calling one first: informative (RFC 8693, section 4.1), but signed by us. */
  readonly agents: readonly string[]
}

/** Recently verified tokens, oldest first. Bounded in number and length: a flood of tokens costs time, never memory. */
const MAX_REMEMBERED = 5_000
const MAX_REMEMBERED_CHARACTERS = 8_000_000
const remembered = new Map<string, VerifiedToken>()
let rememberedCharacters = 0

/**
 * At once if the token is remembered and its key is known here.
 * @param issuer our own
 * @param audiences those that are expected at this endpoint
 * @param now milliseconds
 */
export function verifyDelegationToken(
  token: string,
  keys: KeyFinder,
  issuer: string,
  audiences: ReadonlySet<string>,
  now: number,
): VerifiedToken | Denied | Promise<VerifiedToken | Denied> {
  const verified = remembered.get(token)
  if (!verified) return waited(token, verifyNew(token, keys, issuer, audiences, now))
  const key = keys.find(verified.kid)
  if (key instanceof Promise) {
    return waited(
      token,
      key.then((found) => checkClaims(token, verified, found, audiences, now)),
    )
  }
  const checked = checkClaims(token, verified, key, audiences, now)
  return "denied" in checked ? withHash(checked.denied, token) : checked
}

async function waited(token: string, verifying: Promise<VerifiedToken | Denied>): Promise<VerifiedToken | Denied> {
  try {
    const verified = await verifying
    return "denied" in verified ? withHash(verified.denied, token) : verified
  } catch (error) {
    if (error instanceof KeysUnavailable) return deny({ reason: "keys_unavailable" })
    throw error
  }
}

async function verifyNew(
  token: string,
  keys: KeyFinder,
  issuer: string,
  audiences: ReadonlySet<string>,
  now: number,
): Promise<VerifiedToken | Denied> {
  const verified = await verify(token, keys, issuer, now)
  if ("denied" in verified) return verified
  const key = await keys.find(verified.kid)
  // A token for another audience is remembered too, but not an expired one.
  if (key && now < verified.claims.exp * 1000 && !remembered.has(token)) remember(token, verified)
  return checkClaims(token, verified, key, audiences, now)
}

/** @param key that has signed the token. Null if it has left the ring: its tokens are rejected, remembered or not */
function checkClaims(
  token: string,
  verified: VerifiedToken,
  key: OwnKey | null,
  audiences: ReadonlySet<string>,
  now: number,
): VerifiedToken | Denied {
  if (!key) return deny({ reason: "token_rejected", what: "key_unknown" })
  const { claims } = verified
  if (now >= claims.exp * 1000) {
    forget(token)
    return deny({ reason: "token_expired", expired_at: claims.exp })
  }
  if (!audiences.has(claims.aud))
    return deny({ reason: "audience_mismatch", expected: [...audiences], got: claims.aud })
  return verified
}

async function verify(token: string, keys: KeyFinder, issuer: string, now: number): Promise<VerifiedToken | Denied> {
  const compact = readCompact(token)
  if (isRejected(compact)) return denialOf(compact.rejected)
  const { kid, alg } = compact.header
  if (!isOwnAlgorithm(alg)) return deny({ reason: "token_rejected", what: "algorithm_refused" })
  if (checkType(compact, "delegation_token")) return deny({ reason: "token_rejected", what: "type_refused" })
  const own = kid === null ? null : await keys.find(kid)
  if (kid === null || !own) return deny({ reason: "token_rejected", what: "key_unknown" })
  // The key determines the algorithm, not the token (RFC 8725, section 3.1).
  if (own.alg !== alg) return deny({ reason: "token_rejected", what: "algorithm_refused" })
  try {
    await jwtVerify(token, own.key, { algorithms: [own.alg], issuer, currentDate: new Date(now) })
  } catch (error) {
    return denialOf(rejectionOf(error).rejected)
  }
  const claims = claimsSchema.safeParse(compact.claims)
  if (!claims.success) return deny({ reason: "token_malformed", what: "claims" })
  return { claims: claims.data, ...(await tokenDigests(token)), kid, agents: agentsOf(claims.data) }
}

function withHash(denial: Denial, token: string): Denied {
  const hash = rejectedHash(token)
  switch (denial.reason) {
    case "token_malformed":
    case "token_rejected":
    case "token_expired":
    case "audience_mismatch":
      return deny(hash === null ? denial : { ...denial, hash })
    default:
      return deny(denial)
  }
}

function agentsOf({ client_id, act }: DelegationClaims): readonly string[] {
  const agents = new Set([client_id])
  for (let actor: unknown = act; isObject(actor); actor = actor["act"]) {
    if (typeof actor["sub"] === "string") agents.add(actor["sub"])
  }
  return [...agents]
}

function denialOf(rejection: CredentialRejection): Denied {
  if (rejection.reason === "expired") return deny({ reason: "token_expired", expired_at: rejection.exp })
  if (rejection.reason === "malformed") return deny({ reason: "token_malformed", what: rejection.what })
  return deny({ reason: "token_rejected", what: rejection.reason })
}

function remember(token: string, verified: VerifiedToken): void {
  remembered.set(token, verified)
  rememberedCharacters += token.length
  for (const [oldest] of remembered) {
    if (remembered.size <= MAX_REMEMBERED && rememberedCharacters <= MAX_REMEMBERED_CHARACTERS) return
    forget(oldest)
  }
}

function forget(token: string): void {
  if (remembered.delete(token)) rememberedCharacters -= token.length
}

/** Null if the agent acts on its own behalf. */
export function userOf({ sub, client_id }: DelegationClaims): string | null {
  return sub === client_id ? null : sub
}
