/** Where the proof of an agent's identity comes from. Each returns a JWT whose audience is the issuer. */
import { importJWK, SignJWT, type CryptoKey, type JWK } from "jose"
import { NarrowgateError } from "./errors.ts"
import { claimsOf, definedOf, parsed, textAt } from "./json.ts"
import { firstOf } from "./signals.ts"

export interface IdentityRequest {
  /** The issuer, for which the token must be. */
  readonly audience: string
  /** Aborted when the time for it is over. */
  readonly signal: AbortSignal
  /** Milliseconds since the epoch, by the issuer's clock as far as it is known. */
  readonly now: number
}

/** Called for each request to the issuer, because some proofs are used once. */
export type Identity = (request: IdentityRequest) => string | Promise<string>

export interface PrivateKeyOptions {
  /** The id of the agent in agents.yaml. */
  readonly agent: string
  /** A private JWK, or a key that signs by `alg`. */
  readonly key: JWK | CryptoKey
  /** Absent: that of the JWK. */
  readonly alg?: string
  /** Absent: that of the JWK. */
  readonly kid?: string
}

/**
 * A JWT in a file that something else keeps fresh, such as a JWT-SVID by `spiffe-helper`. The file is read each time, so
 * a rotated token is used at once.
 */
export function fromFile(path: string): Identity {
  return async () => {
    const { readFile } = nodeModule("fs/promises")
    const text = await readFile(path, "utf8")
    return text.trim()
  }
}

/**
 * The token of a projected volume (`serviceAccountToken`, with the issuer as its `audience`); the kubelet keeps it fresh.
 * The token that each pod has by default is for the cluster itself, and is not accepted.
 */
export function fromKubernetes(path = "/var/run/narrowgate/token"): Identity {
  return fromFile(path)
}

/** The workflow's OIDC token; the job has `permissions: { id-token: write }`. */
export function fromGitHubActions(): Identity {
  return async ({ audience, signal }) => {
    const { env } = nodeModule("process")
    const { ACTIONS_ID_TOKEN_REQUEST_URL: at, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = env
    if (!at || !bearer) throw new Error("the job has no `permissions: { id-token: write }`, or this is no job")
    const url = new URL(at)
    url.searchParams.set("audience", audience)
    const response = await fetch(url, { headers: { authorization: `Bearer ${bearer}` }, redirect: "error", signal })
    const body = parsed(await response.text())
    const token = textAt(body, "value")
    if (token === undefined) throw new Error(`GitHub answered ${response.status}, without a token`)
    return token
  }
}

/** Seconds that the agent's own assertion is good for; it is used once, and at once. */
const ASSERTION_LIFE = 60

/** The agent's own assertion (`private_key_jwt`, RFC 7523), signed by a key that agents.yaml registers. */
export function fromPrivateKey({ agent, key, alg, kid }: PrivateKeyOptions): Identity {
  const jwk = "kty" in key ? key : null
  const algorithm = alg ?? jwk?.alg
  const keyId = kid ?? jwk?.kid
  return async ({ audience, now }) => {
    if (algorithm === undefined) throw new Error("name the algorithm of the key: `alg`")
    const seconds = Math.floor(now / 1000)
    return new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader(definedOf({ alg: algorithm, kid: keyId }))
      .setIssuer(agent)
      .setSubject(agent)
      .setAudience(audience)
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + ASSERTION_LIFE)
      .sign(jwk ? await importJWK(jwk, algorithm) : key)
  }
}

/**
 * Obtains the proof and checks it: an error here says more than one of the token endpoint would.
 *
 * @param now milliseconds since the epoch, by the issuer's clock
 * @throws {NarrowgateError} `identity_failed`
 */
export async function identityProof(
  identity: Identity,
  audience: string,
  now: number,
  { timeout, signal: ended }: { readonly timeout: number; readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const late = AbortSignal.timeout(timeout)
  const signal = firstOf(ended, late)
  const token = await within(signal, async () => identity({ audience, signal, now })).catch((cause: unknown) => {
    ended?.throwIfAborted()
    const why = late.aborted ? `no answer within ${timeout} ms` : cause instanceof Error ? cause.message : "it threw"
    throw new NarrowgateError("identity_failed", `the agent's identity failed: ${why}`, { cause })
  })
  const claims = typeof token === "string" ? claimsOf(token) : undefined
  const flaw = claims ? flawOf(claims, audience) : "it is no JWT"
  if (flaw !== null)
    throw new NarrowgateError("identity_failed", `the proof of the agent's identity is of no use: ${flaw}`)
  return token
}

/** The issuer checks whether it has expired, because its clock is the one that counts. */
function flawOf({ aud }: Readonly<Record<string, unknown>>, audience: string): string | null {
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (aud === undefined || audiences.includes(audience)) return null
  return `its audience is ${audiences.join(", ")}, and not ${audience}`
}

async function within<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const end = (): void => reject(signal.reason)
  signal.addEventListener("abort", end, { once: true })
  try {
    return await Promise.race([work(), promise])
  } finally {
    signal.removeEventListener("abort", end)
  }
}

/** What is used of Node. */
interface NodeModules {
  readonly "fs/promises": { readonly readFile: (path: string, encoding: "utf8") => Promise<string> }
  readonly process: { readonly env: Readonly<Record<string, string | undefined>> }
}

/** Without an import, which browsers could not resolve. */
function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] {
  const { process } = globalThis as {
    readonly process?: { readonly getBuiltinModule?: (id: string) => NodeModules[Name] | undefined }
  }
  const found = process?.getBuiltinModule?.(`node:${name}`)
  if (!found) throw new Error(`there is no node:${name} here; give a function as the identity`)
  return found
}
