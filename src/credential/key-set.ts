/**
 * Public keys of others: a JWKS URL, OIDC discovery, or inline in the bundle. Fetched sets are kept in the isolate as
 * values and asked again when stale or, at most once in a cooldown, for an unknown `kid`. Only https is fetched, without
 * redirects, bounded in time and size; the local stack may reach loopback.
 */
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose"
import { z } from "zod"
import type { IssuerDefinition } from "../policy/bundle.ts"
import { logEvent } from "../log.ts"

const STALE_AFTER_MS = 300_000
/** Between two refreshes because of an unknown `kid`: forged ones must not make calls to the issuer. */
const UNKNOWN_KID_COOLDOWN_MS = 5_000
/** After a failure, before the next try. */
const FAILURE_COOLDOWN_MS = 1_000
/** A set that could not be renewed for this long verifies nothing any more. */
const UNUSABLE_AFTER_MS = 3_600_000
const TIMEOUT_MS = 5_000
const MAX_BYTES = 262_144

const jwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })
const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.string() })

interface Held {
  readonly keys: JSONWebKeySet
  /** Milliseconds. */
  readonly fetchedAt: number
}
const held = new Map<string, Held>()

/** What goes on about an issuer's set, in milliseconds. Another request's promise must not be awaited, its end can be watched. */
interface Progress {
  readonly startedAt: number
  failedAt: number
  forUnknownKidAt: number
  done: boolean
}
const progress = new Map<string, Progress>()

/** For tests: a fresh isolate. */
export function forgetKeySets(): void {
  held.clear()
  progress.clear()
}

/**
 * The keys of an issuer; null where they cannot be had.
 * @param kid of the token to be verified: one that the set lacks makes it be asked again
 * @param local whether loopback may be fetched
 */
export async function keySetOf(
  issuer: IssuerDefinition,
  kid: string | undefined,
  now: number,
  local: boolean,
): Promise<JWTVerifyGetKey | null> {
  if (issuer.keys.kind === "inline") return createLocalJWKSet(usable(issuer.keys.jwks))
  const known = held.get(placeOf(issuer))
  const lacks = kid !== undefined && !known?.keys.keys.some((key) => key.kid === kid)
  if (!known || now - known.fetchedAt > STALE_AFTER_MS || lacks) await refresh(issuer, known, lacks, now, local)
  const keys = held.get(placeOf(issuer))
  return keys && now - keys.fetchedAt < UNUSABLE_AFTER_MS ? createLocalJWKSet(keys.keys) : null
}

const WATCH_EVERY_MS = 25

async function refresh(
  issuer: IssuerDefinition,
  known: Held | undefined,
  lacks: boolean,
  now: number,
  local: boolean,
): Promise<void> {
  const before = progress.get(placeOf(issuer))
  if (before && !before.done && now - before.startedAt < 2 * TIMEOUT_MS) {
    const until = Date.now() + TIMEOUT_MS
    while (!before.done && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS))
    return
  }
  if (before && now - before.failedAt < FAILURE_COOLDOWN_MS) return
  const becauseOfKid = known !== undefined && lacks && now - known.fetchedAt <= STALE_AFTER_MS
  if (before && becauseOfKid && now - before.forUnknownKidAt < UNKNOWN_KID_COOLDOWN_MS) return
  const mine: Progress = {
    startedAt: now,
    failedAt: Number.NEGATIVE_INFINITY,
    forUnknownKidAt: becauseOfKid ? now : (before?.forUnknownKidAt ?? Number.NEGATIVE_INFINITY),
    done: false,
  }
  progress.set(placeOf(issuer), mine)
  try {
    const uri = await jwksUri(issuer, local)
    const jwks = jwksSchema.parse(await fetchJson(uri, local))
    held.set(placeOf(issuer), { keys: usable(jwks), fetchedAt: now })
  } catch (error) {
    mine.failedAt = now
    logEvent("keys_not_fetched", { issuer: issuer.id, error: String(error) })
  } finally {
    mine.done = true
  }
}

/** By where the keys come from, not by the issuer's name: a bundle that moves it must not go on with the old place's keys. */
function placeOf({ keys, issuer = "" }: IssuerDefinition): string {
  return keys.kind === "jwks_uri" ? keys.uri : issuer
}

async function jwksUri(issuer: IssuerDefinition, local: boolean): Promise<string> {
  if (issuer.keys.kind === "jwks_uri") return issuer.keys.uri
  const base = issuer.issuer ?? ""
  // OIDC Discovery 4: the path is appended to the issuer, and the document must name that very issuer.
  const found = discoverySchema.parse(await fetchJson(`${base}/.well-known/openid-configuration`, local))
  if (found.issuer !== base) throw new Error("the discovery document is another issuer's")
  return found.jwks_uri
}

/** `use: jwt-svid` (SPIFFE bundle) is a signing key; others than signing keys are left out. */
function usable(jwks: { readonly keys: readonly Record<string, unknown>[] }): JSONWebKeySet {
  const keys = jwks.keys
    .filter(
      ({ use, kty }) =>
        typeof kty === "string" && kty !== "oct" && (use === undefined || use === "sig" || use === "jwt-svid"),
    )
    .map((key) => Object.assign({}, key, { use: "sig", kty: String(key["kty"]) }))
  return { keys }
}

async function fetchJson(uri: string, local: boolean): Promise<unknown> {
  const url = new URL(uri)
  const loopback = url.hostname === "127.0.0.1" || url.hostname === "[::1]" || url.hostname === "localhost"
  if (url.protocol !== "https:" && !(local && loopback)) throw new Error("only https is fetched")
  const response = await fetch(url, {
    redirect: "manual",
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  if (response.status !== 200) throw new Error(`status ${response.status}`)
  const text = await response.text()
  if (text.length > MAX_BYTES) throw new Error("the document is too long")
  return JSON.parse(text)
}
