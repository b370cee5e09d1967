/**
 * Signed things that callers bring, each kind in two ways. Changed and not signed again, none is accepted. Signed again by
 * the true key, what is accepted is accepted by the library too, and read the same.
 */
import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify, type JWTVerifyOptions } from "jose"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { verifyClientAssertion } from "../../src/credentials/client-assertion.ts"
import { readCompact } from "../../src/credentials/jws/compact.ts"
import { verifyDelegationToken } from "../../src/credentials/delegation-token.ts"
import { verifyProof } from "../../src/credentials/dpop.ts"
import { verifyHandover } from "../../src/credentials/handover.ts"
import { verifySvid } from "../../src/credentials/jwt-svid.ts"
import type { FetchContext } from "../../src/credentials/key-sets/key-set.ts"
import type { KeyFinder, OwnKey } from "../../src/credentials/key-sets/own-keys.ts"
import { verifyPersonToken } from "../../src/credentials/person-token.ts"
import { importKey } from "../../src/credentials/key-sets/public-key.ts"
import { verifySecurityEvents } from "../../src/credentials/security-event.ts"
import { verifyCredential } from "../../src/credentials/verify.ts"
import { sha256Base64url } from "../../src/core/encoding/hash.ts"
import type { AgentDefinition } from "../../src/core/policy/definition/agents.ts"
import type { IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"
import type { StreamDefinition } from "../../src/core/policy/definition/streams.ts"
import { base64url, forge, newSigner, type Signer } from "../harness/forge.ts"
import { US } from "../harness/issuers.ts"
import { newProofKey } from "../harness/proofs.ts"
import { longerBy, runsOf } from "../harness/runs.ts"
import { FUZZ_TIMEOUT, fuzz, holds, hostile } from "./fuzz.ts"
import { mutatedJson } from "./json-tree.ts"
import { mutated } from "./mutation.ts"

const NOW = 1_800_000_000_000
const SECONDS = NOW / 1000
const REACH: FetchContext = { now: NOW, local: false, background: () => undefined }
const API = "https://api.test/"

type Members = Readonly<Record<string, unknown>>

interface Kind {
  readonly header: Members
  readonly claims: Members
  readonly signer: Signer
  /** @returns the claims that were believed; null: it is refused */
  readonly verify: (token: string) => Promise<Members | null>
  /** What the library is to check of one that was accepted. */
  readonly options: JWTVerifyOptions
}

const [own, agent, workload, idp, transmitter] = await Promise.all(
  ["own-1", "agent-1", "workload-1", "idp-1", "signals-1"].map(async (kid) => newSigner(kid)),
)
const holder = await newProofKey()
const jwk = holder.publicJwk
if (!own || !agent || !workload || !idp || !transmitter) throw new Error("five keys were asked for")

const ownKey = await importKey({ ...own.publicJwk }, "ES256")
if (!ownKey) throw new Error("a key that was just made can be imported")
const ownKeys: ReadonlyMap<string, OwnKey> = new Map([["own-1", { key: ownKey, alg: "ES256" }]])
const FINDER: KeyFinder = {
  find: async (kid) => ownKeys.get(kid) ?? null,
  published: async () => [own.publicJwk],
}

const inline = ({ publicJwk }: Signer) => ({ kind: "inline", jwks: { keys: [{ ...publicJwk }] } }) as const
const times = { iat: SECONDS - 5, exp: SECONDS + 300 }
const headerBy = ({ publicJwk: { kid } }: Signer, typ: string): Members => ({ alg: "ES256", kid, typ })

const GRANT = { tools: ["*"], max_sensitivity: "restricted" } as const
const AGENT: AgentDefinition = {
  id: "https://agent.test/bot",
  identities: [{ kind: "private_key_jwt", keys: inline(agent), algorithms: ["ES256"] }],
  owner: "fuzz",
  groups: [],
  ceiling: { ...GRANT, arguments: {} },
  purposes: ["work"],
  delegates_to: [],
  depth: 0,
  life: 300,
  trees: { live: 10, per_minute: 10 },
  bound_key: false,
}
const ISSUERS: readonly IssuerDefinition[] = [
  { id: "workloads", trust_domain: "example.org", keys: inline(workload), algorithms: ["ES256"] },
  {
    id: "idp",
    issuer: "https://idp.test",
    keys: inline(idp),
    algorithms: ["ES256"],
    operators: { clients: ["console"] },
  },
]
const STREAM: StreamDefinition = {
  id: "signals",
  issuer: "https://signals.test",
  audiences: [`${US}/v1/events`],
  keys: inline(transmitter),
  algorithms: ["ES256"],
  key_sha256: [],
  events: ["session-revoked"],
  about: { users: [], agents: [], keys: false },
  effects: {},
  risk: { low: 0, doubt: 25, medium: 50, high: 100, half_life: 60 },
  mode: "enforce",
}

const orNull = (verified: object): Members | null =>
  "rejected" in verified || "denied" in verified ? null : { ...verified }

/** For those that are judged in two steps: read, then verified. */
async function ofCompact(
  token: string,
  verify: (compact: Exclude<ReturnType<typeof readCompact>, { readonly rejected: unknown }>) => Promise<object>,
): Promise<Members | null> {
  const compact = readCompact(token)
  return "rejected" in compact ? null : orNull(await verify(compact))
}

const KINDS: Readonly<Record<string, Kind>> = {
  "delegation token": {
    header: headerBy(own, "at+jwt"),
    claims: {
      ...{ iss: US, sub: "https://idp.test|alice", aud: API, client_id: "spiffe://example.org/agent/first" },
      ...{
        task: `tsk_${"0".repeat(36)}`,
        purpose: "work",
        scope: "files.*:read",
        since: SECONDS - 60,
        jti: "j",
      },
      ...times,
    },
    signer: own,
    verify: async (token) => {
      const verified = orNull(await verifyDelegationToken(token, FINDER, US, new Set([API]), NOW))
      return verified && { ...Object(verified["claims"]) }
    },
    options: { issuer: US, audience: API, typ: "at+jwt", requiredClaims: ["sub", "jti", "exp", "iat"] },
  },
  "DPoP proof": {
    header: { alg: "ES256", typ: "dpop+jwt", jwk },
    claims: { htm: "GET", htu: "https://api.test/files/a", jti: "j", iat: SECONDS, ath: sha256Base64url("t") },
    signer: { key: holder.key, publicJwk: jwk },
    verify: async (token) => {
      const expected = { method: "GET", uri: "https://api.test/files/a", ath: sha256Base64url("t") }
      const verified = orNull(await verifyProof(token, expected, NOW))
      if (!verified) return null
      expect(verified["jkt"]).toBe(holder.jkt)
      const { htm, htu, ath } = decodeJwt(token)
      expect([htm, ath]).toEqual([expected.method, expected.ath])
      expect(new URL(String(htu)).origin + new URL(String(htu)).pathname).toBe(expected.uri)
      return { iat: verified["iat"] }
    },
    options: { typ: "dpop+jwt", requiredClaims: ["jti", "iat", "htm", "htu"] },
  },
  "hand-over": {
    header: { alg: "ES256", typ: "narrowgate-handover+jwt", jwk },
    claims: {
      ...{ aud: US, sub: AGENT.id, cnf: { jkt: "k" }, ath: sha256Base64url("t"), jti: "j", iat: SECONDS },
    },
    signer: { key: holder.key, publicJwk: jwk },
    verify: async (token) => {
      const expected = { audience: US, agent: AGENT.id, jkt: "k", token: "t" }
      const verified = orNull(await verifyHandover(token, expected, NOW))
      if (!verified) return null
      expect(verified["jkt"]).toBe(holder.jkt)
      return { jti: verified["jti"] }
    },
    options: { audience: US, subject: AGENT.id, typ: "narrowgate-handover+jwt", requiredClaims: ["jti", "iat"] },
  },
  "client assertion": {
    header: headerBy(agent, "JWT"),
    claims: { iss: AGENT.id, sub: AGENT.id, aud: US, jti: "j", ...times },
    signer: agent,
    verify: async (token) =>
      ofCompact(token, async (compact) => {
        const verified = await verifyClientAssertion(compact, AGENT, US, REACH)
        return "rejected" in verified ? verified : { jti: verified.jti }
      }),
    options: { issuer: AGENT.id, subject: AGENT.id, audience: US, requiredClaims: ["jti", "exp"] },
  },
  "JWT-SVID": {
    header: headerBy(workload, "JWT"),
    claims: { sub: "spiffe://example.org/agent/first", aud: US, ...times },
    signer: workload,
    verify: async (token) =>
      ofCompact(token, async (compact) => {
        const verified = await verifySvid(compact, ISSUERS, US, REACH)
        return "rejected" in verified ? verified : { sub: verified.agent }
      }),
    options: { audience: US, requiredClaims: ["sub", "exp"] },
  },
  "operator's token": {
    header: headerBy(idp, "at+jwt"),
    claims: { iss: "https://idp.test", sub: "olga", aud: US, client_id: "console", jti: "j", ...times },
    signer: idp,
    verify: async (token) => {
      const verified = orNull(await verifyPersonToken(token, ISSUERS, US, REACH))
      return verified && { sub: verified["subject"] }
    },
    options: { issuer: "https://idp.test", audience: US, typ: "at+jwt", requiredClaims: ["sub", "exp", "iat"] },
  },
  "security event token": {
    header: headerBy(transmitter, "secevent+jwt"),
    claims: {
      iss: "https://signals.test",
      aud: `${US}/v1/events`,
      iat: SECONDS,
      jti: "j",
      sub_id: { format: "iss_sub", iss: "https://idp.test", sub: "alice" },
      events: { "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {} },
    },
    signer: transmitter,
    verify: async (token) =>
      ofCompact(token, async (compact) => {
        const verified = await verifySecurityEvents(compact, STREAM, REACH)
        if ("rejected" in verified) return verified
        return { jti: verified.jti, events: Object.fromEntries(verified.events) }
      }),
    options: { issuer: "https://signals.test", audience: `${US}/v1/events`, typ: "secevent+jwt" },
  },
}

const HEADER_WORDS = ["alg", "none", "HS256", "ES256", "ES384", "kid", "typ", "jwk", "jku", "x5u", "x5c", "crit", "b64"]
const CLAIM_WORDS = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "act", "may_act", "events", "jkt", "htu"]
const NAMES = Object.keys(KINDS)

function kindOf(name: string): Kind {
  const kind = KINDS[name]
  if (!kind) throw new Error(`no kind ${name}`)
  return kind
}

/** A text that stands in place of a part of a token: changed as JSON, then encoded as it is. */
const parts = (part: Members, words: readonly string[]): fc.Arbitrary<string> =>
  mutatedJson([JSON.stringify(part)], words).map(base64url)

describe.each(NAMES)("a %s", (name) => {
  const { header, claims, signer, verify, options } = kindOf(name)

  test(
    "is accepted as it is, and by nobody when a bit of it is another",
    async () => {
      const good = await forge(header, claims, signer)
      expect(await verify(good)).not.toBeNull()
      const [head = "", body = "", signature = ""] = good.split(".")
      const others = await Promise.all(
        NAMES.filter((each) => each !== name)
          .map(kindOf)
          .map(async (each) => forge(each.header, each.claims, each.signer)),
      )
      const { arbitrary: text } = hostile({
        parser: "token",
        seeds: [good],
        words: [".", "=", "==", "A", "AAAA", ...others],
      })
      const arbitrary = fc.oneof(
        text,
        parts(header, HEADER_WORDS).map((part) => `${part}.${body}.${signature}`),
        parts(claims, CLAIM_WORDS).map((part) => `${head}.${part}.${signature}`),
        mutated([signature], ["A", "="]).map((part) => `${head}.${body}.${part}`),
      )
      const property = fc.asyncProperty(arbitrary, async (token) => {
        if (token !== good) expect(await verify(token)).toBeNull()
      })
      await holds(property, runsOf(400), others)
    },
    FUZZ_TIMEOUT,
  )

  test(
    "that its true signer signs with other words is accepted only where the library accepts it, and read as that reads it",
    async () => {
      const key = await importJWK(signer.publicJwk, "ES256")
      const arbitrary = fc.oneof(
        fc.record({ header: fc.constant(base64url(header)), claims: parts(claims, CLAIM_WORDS) }),
        fc.record({ header: parts(header, HEADER_WORDS), claims: fc.constant(base64url(claims)) }),
      )
      let accepted = 0
      const property = fc.asyncProperty(arbitrary, async (changed) => {
        const token = await signed(changed.header, changed.claims, signer)
        const believed = await verify(token)
        if (!believed) return
        accepted += 1
        const currentDate = new Date(NOW)
        const { payload, protectedHeader } = await jwtVerify(token, key, {
          clockTolerance: 60,
          currentDate,
          ...options,
        })
        expect(protectedHeader.alg).toBe("ES256")
        expect(payload).toMatchObject(believed)
        // No header chooses the key, and no claim stands there twice for another reader.
        expect(Object.keys(protectedHeader)).not.toEqual(expect.arrayContaining(["crit"]))
        expect(JSON.stringify(decodeJwt(token)).length).toBeLessThanOrEqual(16_384)
      })
      await holds(property, runsOf(250))
      expect(accepted).toBeGreaterThan(0)
    },
    longerBy(30_000),
  )
})

/** As `forge`, of parts that are encoded already. */
async function signed(header: string, claims: string, { key }: Signer): Promise<string> {
  const input = new TextEncoder().encode(`${header}.${claims}`)
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, input)
  return `${header}.${claims}.${base64url(new Uint8Array(signature))}`
}

describe("the outside of a token", () => {
  test(
    "that is accepted has one spelling, and reads as the library reads it",
    async () => {
      const { header, claims } = kindOf("delegation token")
      const seed = `${base64url(header)}.${base64url(claims)}.${base64url("signature")}`
      await fuzz({
        parser: "token",
        seeds: [seed],
        words: [".", "=", "-", "_", "+", "/", "A", "e30", base64url('{"alg":"ES256","alg":"none"}')],
        runs: 3_000,
        check(token) {
          const compact = readCompact(token)
          if ("rejected" in compact) return false
          const [head = "", body = "", signature = "", ...more] = token.split(".")
          expect(more).toEqual([])
          for (const part of [head, body, signature]) {
            const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (char) =>
              char.charCodeAt(0),
            )
            expect(bytes.toBase64({ alphabet: "base64url", omitPadding: true })).toBe(part)
          }
          expect(compact.header).toMatchObject(decodeProtectedHeader(token))
          expect(compact.claims).toEqual(decodeJwt(token))
          expect(token.length).toBeLessThanOrEqual(16_384)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

describe("the headers of a credential", () => {
  test(
    "open a call only where they hold the one token, and for a bound one the proof that goes with it",
    async () => {
      const { header, claims, signer } = kindOf("delegation token")
      const bearer = await forge(header, claims, signer)
      const bound = await forge(header, { ...claims, cnf: { jkt: holder.jkt } }, signer)
      const proof = await forge(
        kindOf("DPoP proof").header,
        { ...kindOf("DPoP proof").claims, ath: sha256Base64url(bound) },
        kindOf("DPoP proof").signer,
      )
      const shown = { method: "GET", uri: "https://api.test/files/a" }
      await fuzz({
        parser: "authorization",
        seeds: [`Bearer ${bearer}\n`, `DPoP ${bound}\n${proof}`],
        words: ["Bearer ", "DPoP ", "Basic ", ", ", "  ", "\t", bearer, bound, proof],
        runs: 2_000,
        async check(text) {
          const end = text.indexOf("\n")
          const [authorization, shownProof] = end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end + 1)]
          const proofHeader = shownProof === "" ? null : shownProof
          const verified = await verifyCredential(
            { ...shown, authorization, proof: proofHeader },
            new Set([API]),
            FINDER,
            US,
            NOW,
          )
          if ("denied" in verified) return false
          // RFC 9110 11.1: the scheme in any case, then blanks, then the token, and nothing else.
          const [, scheme = "", token] = /^(\w+) +(\S+)$/.exec(authorization) ?? []
          if (scheme.toLowerCase() === "bearer") expect([token, verified.proof]).toEqual([bearer, null])
          else
            expect([scheme.toLowerCase(), token, shownProof, verified.proof?.jkt]).toEqual([
              "dpop",
              bound,
              proof,
              holder.jkt,
            ])
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})
