/**
 * The session of a user at our own pages. It has no authority of its own: it holds the token that the identity
 * provider issued to our client, which authenticates the user at the API as well, and it lasts as long as the token. Each
 * session is one Durable Object. Its storage is encrypted with a key that only the cookie of the browser contains.
 */
import { CompactEncrypt, compactDecrypt } from "jose"
import * as z from "zod"
import { sha256Base64url, sha256Hex } from "../core/encoding/hash.ts"
import { logEvent } from "../platform/log.ts"
import { StoredObject } from "../platform/storage/stored-object.ts"
import { keepVersion } from "../platform/storage/version.ts"
import { newSecret } from "../platform/secret.ts"
import type { RequestContext } from "../request-context.ts"
import { cookieOf } from "./cookie.ts"

/** The longest session, however long the token is valid. */
export const MAX_SESSION_MS = 12 * 60 * 60 * 1000

export interface SignedIn {
  /** The token of the user, issued to our client: by the issuer's entry an ID token or an access token. */
  readonly token: string
  /** The CSRF token that each form of the session must contain. */
  readonly csrf: string
  /** The key from which authorization codes are derived. No page and no form contains it. */
  readonly codeKey: string
  /** Milliseconds. */
  readonly expiresAt: number
  /** Milliseconds: the time of the sign-in. */
  readonly issuedAt: number
}

const storedSession = z.object({ token: z.string(), expiresAt: z.number(), issuedAt: z.number() })
export type StoredSession = z.infer<typeof storedSession>

export class Session extends StoredObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "Session", "later")
  }

  async begin(sealed: string, until: number): Promise<void> {
    keepVersion("Session", this.ctx.storage)
    this.ctx.storage.kv.put("sealed", { sealed, until })
    await this.ctx.storage.setAlarm(until)
  }

  read(): string | null {
    const stored = this.ctx.storage.kv.get<{ readonly sealed: string; readonly until: number }>("sealed")
    return stored && Date.now() < stored.until ? stored.sealed : null
  }

  async end(): Promise<void> {
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
  }

  protected override async onAlarm(): Promise<void> {
    await this.ctx.storage.deleteAll()
  }
}

const SECRET = /^[A-Za-z0-9_-]{43}$/

/** @returns the secret that the browser keeps */
export async function beginSession(session: StoredSession, { env }: RequestContext): Promise<string> {
  const secret = newSecret()
  const sealed = await new CompactEncrypt(new TextEncoder().encode(JSON.stringify(session)))
    .setProtectedHeader(SEAL)
    .encrypt(keyOf(secret))
  await objectOf(env, secret).begin(sealed, session.expiresAt)
  return secret
}

/** Null if the browser has no session, or an expired one. */
export async function sessionOf(request: Request, { env, receivedAt }: RequestContext): Promise<SignedIn | null> {
  const secret = cookieOf(request, "session")
  if (secret === null || !SECRET.test(secret)) return null
  try {
    const sealed = await objectOf(env, secret).read()
    if (sealed === null) return null
    const options = { keyManagementAlgorithms: [SEAL.alg], contentEncryptionAlgorithms: [SEAL.enc] }
    const { plaintext } = await compactDecrypt(sealed, keyOf(secret), options)
    const session = storedSession.parse(JSON.parse(new TextDecoder().decode(plaintext)))
    if (receivedAt >= session.expiresAt) return null
    return { ...session, csrf: sha256Base64url(`form ${secret}`), codeKey: sha256Base64url(`code ${secret}`) }
  } catch (error) {
    logEvent("session_not_read", { error: String(error) })
    return null
  }
}

export async function endSession(request: Request, { env }: RequestContext): Promise<void> {
  const secret = cookieOf(request, "session")
  if (secret !== null && SECRET.test(secret)) await objectOf(env, secret).end()
}

const SEAL = { alg: "dir", enc: "A256GCM" } as const

/** The key cannot be derived from the name of the object or from the CSRF token, nor each of these from another. */
function keyOf(secret: string): Uint8Array {
  return Uint8Array.fromBase64(sha256Base64url(`seal ${secret}`), { alphabet: "base64url" })
}

function objectOf(env: Env, secret: string): DurableObjectStub<Session> {
  return env.SESSION.getByName(sha256Hex(`session ${secret}`))
}
