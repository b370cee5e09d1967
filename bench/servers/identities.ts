/** Those whom the Worker under test believes: made anew for each run, so that no key of theirs is in the repository. */
import { createHash, randomBytes } from "node:crypto"
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose"

export const ISSUER = "https://authz.example"
export const AUDIENCE = "https://api.bench.example"
export const ORIGIN = "https://api.bench.example"
export const AGENT = "spiffe://bench.example/agent/desk"
const USERS = "https://idp.bench.example"
const CLIENT = "bench-app"
export const OPERATORS_CLIENT = "bench-operators"
export const OPERATOR = "olga"
const TRUST_DOMAIN = "bench.example"

interface Signer {
  readonly key: CryptoKey
  readonly publicJwk: JWK
}

export interface Identities {
  readonly gatewayKey: string
  /** The files of `policies/` that name keys. */
  readonly files: Readonly<Record<string, string>>
  idToken(subject: string): Promise<string>
  /** A JWT-SVID of the agent; by default of the one of bench/policies that is timed. */
  svid(agent?: string): Promise<string>
  /** An access token (RFC 9068) of an operator. */
  operatorToken(): Promise<string>
  /** The same of a user, who signs in with it. */
  personToken(subject: string): Promise<string>
}

export async function makeIdentities(): Promise<Identities> {
  const [users, workloads] = await Promise.all([makeSigner("users"), makeSigner("workloads")])
  const gatewayKey = randomBytes(24).toString("base64url")
  return {
    gatewayKey,
    files: { "issuers.yaml": issuersFile(users, workloads), "gateways.yaml": gatewaysFile(gatewayKey) },
    idToken: (subject) =>
      sign(users, new SignJWT({ groups: ["support"] }).setIssuer(USERS).setSubject(subject).setAudience(CLIENT)),
    operatorToken: () => accessToken(users, OPERATOR),
    personToken: (subject) => accessToken(users, subject),
    svid: (agent = AGENT) => sign(workloads, new SignJWT().setSubject(agent).setAudience(ISSUER)),
  }
}

async function makeSigner(kid: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true })
  return { key: privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256" } }
}

function accessToken(users: Signer, subject: string): Promise<string> {
  const claims = { client_id: OPERATORS_CLIENT, jti: randomBytes(12).toString("base64url"), groups: ["support"] }
  const token = new SignJWT(claims).setIssuer(USERS).setSubject(subject).setAudience(ISSUER)
  return sign(users, token, "at+jwt")
}

function sign({ key, publicJwk }: Signer, token: SignJWT, typ = "JWT"): Promise<string> {
  const kid = publicJwk.kid ?? ""
  return token.setProtectedHeader({ alg: "ES256", typ, kid }).setIssuedAt().setExpirationTime("1h").sign(key)
}

// JSON is YAML.
function issuersFile(users: Signer, workloads: Signer): string {
  const keysOf = ({ publicJwk }: Signer) => ({ jwks: { keys: [publicJwk] } })
  return JSON.stringify({
    issuers: [
      { id: "users", issuer: USERS, keys: keysOf(users), algorithms: ["ES256"], users: { clients: [CLIENT] } },
      { id: "workloads", trust_domain: TRUST_DOMAIN, keys: keysOf(workloads), algorithms: ["ES256"] },
    ],
  })
}

function gatewaysFile(key: string): string {
  const gateway = {
    id: "bench",
    dialect: "traefik",
    key_sha256: [createHash("sha256").update(key).digest("hex")],
    origins: [ORIGIN],
    audience: AUDIENCE,
    environment: "bench",
    body: true,
  }
  return JSON.stringify({ gateways: [gateway] })
}

export interface ProofKey {
  readonly key: CryptoKey
  readonly publicJwk: JWK
}

export async function makeProofKey(): Promise<ProofKey> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true })
  return { key: privateKey, publicJwk: await exportJWK(publicKey) }
}

/**
 * A DPoP proof (RFC 9449 4.2).
 * @param token that it goes with; null at the token endpoint
 * @param more claims: a nonce, or another time than that of this machine
 */
export function makeProof(
  { key, publicJwk }: ProofKey,
  method: string,
  uri: string,
  token: string | null,
  more: { readonly nonce?: string; readonly iat?: number } = {},
): Promise<string> {
  const ath = token === null ? {} : { ath: createHash("sha256").update(token).digest("base64url") }
  const iat = Math.floor(Date.now() / 1000)
  return new SignJWT({ htm: method, htu: uri, jti: randomBytes(12).toString("base64url"), iat, ...ath, ...more })
    .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk: publicJwk })
    .sign(key)
}
