/**
 * A person's session at our own pages. It is no authority of its own: it holds the access token that their provider gave
 * to our client, by which they are known at every door of the API too, and lasts as long as that. Each is one Durable
 * Object; who reads its storage reads nothing, as the key is in the browser's cookie alone.
 */
import { DurableObject } from "cloudflare:workers"
import { CompactEncrypt, compactDecrypt } from "jose"
import * as z from "zod"
import { sha256Base64url, sha256Hex } from "../core/encoding/hash.ts"
import { logEvent } from "../platform/log.ts"
import { newSecret } from "../platform/secret.ts"
import type { RequestContext } from "../request-context.ts"
import { cookieOf } from "./cookie.ts"

/** Longer than it nobody reads a page without signing in again, whatever their token would allow. */
export const MAX_SESSION_MS = 12 * 60 * 60 * 1000

export interface SignedIn {
  /** Their own access token, of our client. */
  readonly token: string
  /** A form of theirs has to bring it. */
  readonly csrf: string
  /** Of which codes are made; neither a page nor a form has it. */
  readonly codeKey: string
  /** Milliseconds. */
  readonly expiresAt: number
  /** Milliseconds, when they signed in. */
  readonly issuedAt: number
}

const kept = z.object({ token: z.string(), expiresAt: z.number(), issuedAt: z.number() })
export type StoredSession = z.infer<typeof kept>

export class Session extends DurableObject<Env> {
  async begin(sealed: string, until: number): Promise<void> {
    this.ctx.storage.kv.put("sealed", { sealed, until })
    await this.ctx.storage.setAlarm(until)
  }

  read(): string | null {
    const known = this.ctx.storage.kv.get<{ readonly sealed: string; readonly until: number }>("sealed")
    return known && Date.now() < known.until ? known.sealed : null
  }

  async end(): Promise<void> {
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
  }

  override async alarm(): Promise<void> {
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

/** Null: nobody is signed in here, or not any more. */
export async function sessionOf(request: Request, { env, receivedAt }: RequestContext): Promise<SignedIn | null> {
  const secret = cookieOf(request, "session")
  if (secret === null || !SECRET.test(secret)) return null
  try {
    const sealed = await objectOf(env, secret).read()
    if (sealed === null) return null
    const options = { keyManagementAlgorithms: [SEAL.alg], contentEncryptionAlgorithms: [SEAL.enc] }
    const { plaintext } = await compactDecrypt(sealed, keyOf(secret), options)
    const session = kept.parse(JSON.parse(new TextDecoder().decode(plaintext)))
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

/** Neither the name of the object nor what a form brings tells the key, or one another. */
function keyOf(secret: string): Uint8Array {
  return Uint8Array.fromBase64(sha256Base64url(`seal ${secret}`), { alphabet: "base64url" })
}

function objectOf(env: Env, secret: string): DurableObjectStub<Session> {
  return env.SESSION.getByName(sha256Hex(`session ${secret}`))
}
