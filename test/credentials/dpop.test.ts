import { importJWK, SignJWT } from "jose"
import { describe, expect, test } from "vitest"
import { PROOF_ALGORITHMS, verifyProof } from "../../src/credentials/dpop.ts"
import { sha256Base64url } from "../../src/core/encoding/hash.ts"
import { newProofKey, proofOf, type Changes } from "../harness/proofs.ts"

const URI = "https://api.test/files/a"
const TOKEN = "the.access.token"
const ATH = sha256Base64url(TOKEN)
const holder = await newProofKey()
const other = await newProofKey()
const NOW = Date.now()
const seconds = Math.floor(NOW / 1000)

async function verdict(
  changes: Changes = {},
  expected: Partial<Parameters<typeof verifyProof>[1]> = {},
  now = NOW,
): Promise<string> {
  const proof = await proofOf(holder, "GET", URI, TOKEN, { ...changes, claims: { iat: seconds, ...changes.claims } })
  const verified = await verifyProof(proof, { method: "GET", uri: URI, ath: ATH, ...expected }, now)
  return "rejected" in verified ? verified.rejected : "ok"
}

describe("a proof of possession (RFC 9449 4.3), check by check", () => {
  test("is taken where everything is right, and names its key", async () => {
    expect(await verdict()).toBe("ok")
    const proof = await proofOf(holder, "GET", URI, TOKEN, { claims: { jti: "one" } })
    const verified = await verifyProof(proof, { method: "GET", uri: URI, ath: ATH }, Date.now())
    expect(verified).toMatchObject({ jkt: holder.jkt, jti: `${holder.jkt}.one` })
  })

  test.each<readonly [string, Changes]>([
    ["typ missing", { header: { typ: undefined } }],
    ["typ of another token", { header: { typ: "JWT" } }],
    ["jwk missing", { header: { jwk: undefined } }],
    ["jwk of another key", { header: { jwk: other.publicJwk } }],
    ["jwk private", { header: { jwk: holder.privateJwk } }],
    ["jwk symmetric", { header: { jwk: { kty: "oct", k: "AAAA" } } }],
    ["jwk nonsense", { header: { jwk: { kty: "EC", crv: "P-256", x: "AA", y: "AA" } } }],
    ["signed by another key", { key: other.key }],
    ["jti missing", { claims: { jti: undefined } }],
    ["jti empty", { claims: { jti: "" } }],
    ["jti excessive", { claims: { jti: "j".repeat(257) } }],
    ["jti no string", { claims: { jti: 1 } }],
    ["htm missing", { claims: { htm: undefined } }],
    ["htm of another method", { claims: { htm: "POST" } }],
    ["htm in lower case", { claims: { htm: "get" } }],
    ["htu missing", { claims: { htu: undefined } }],
    ["htu of another path", { claims: { htu: "https://api.test/files/b" } }],
    ["htu of another origin", { claims: { htu: "https://evil.test/files/a" } }],
    ["htu of another scheme", { claims: { htu: "http://api.test/files/a" } }],
    ["htu of another port", { claims: { htu: "https://api.test:444/files/a" } }],
    ["htu that leads there by dot segments", { claims: { htu: "https://api.test/x/../files/a" } }],
    ["htu that encodes", { claims: { htu: "https://api.test/files/%61" } }],
    ["htu relative", { claims: { htu: "/files/a" } }],
    ["ath missing", { claims: { ath: undefined } }],
    ["ath of another token", { claims: { ath: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } }],
    ["iat missing", { claims: { iat: undefined } }],
    ["iat no number", { claims: { iat: String(seconds) } }],
    ["iat too old", { claims: { iat: seconds - 62 } }],
    ["iat too far ahead", { claims: { iat: seconds + 12 } }],
    ["exp passed", { claims: { exp: seconds - 1 } }],
    ["nbf to come", { claims: { nbf: seconds + 30 } }],
  ])("%s", async (_what, changes) => {
    expect(await verdict(changes)).not.toBe("ok")
  })

  test("htu may have a query, a fragment, a host in upper case and its default port (check 9)", async () => {
    for (const htu of [`${URI}?x=1`, `${URI}#f`, "HTTPS://API.TEST/files/a", "https://api.test:443/files/a"]) {
      expect(await verdict({ claims: { htu } })).toBe("ok")
    }
  })

  test("fresh for a minute, and remembered at least as long", async () => {
    const proof = await proofOf(holder, "GET", URI, TOKEN, { claims: { iat: seconds } })
    const verify = async (now: number) => verifyProof(proof, { method: "GET", uri: URI, ath: ATH }, now)
    const first = await verify(seconds * 1000)
    const freshUntil = "rejected" in first ? 0 : first.freshUntil
    // The last moment at which it would be taken lies before the first at which its `jti` may be forgotten.
    for (const late of [59_000, 60_000, 60_001, 60_999, 61_001]) {
      const taken = !("rejected" in (await verify(seconds * 1000 + late)))
      expect(taken).toBe(late <= 60_000)
      if (taken) expect(freshUntil).toBeGreaterThan(seconds * 1000 + late)
    }
  })

  test("algorithms: asymmetric ones of the list, and none by a shared secret or by name", async () => {
    for (const alg of ["ES384", "EdDSA", "PS256", "RS256"]) {
      const key = await newProofKey(alg)
      const proof = await proofOf(key, "GET", URI, TOKEN, { header: { alg, jwk: key.publicJwk } })
      const verified = await verifyProof(proof, { method: "GET", uri: URI, ath: ATH }, Date.now())
      expect("rejected" in verified, alg).toBe(false)
    }
    expect(PROOF_ALGORITHMS.filter((alg) => /^HS|none/.test(alg))).toEqual([])
    // HS256 keyed by the public key's bytes: the classic confusion.
    const secret = await importJWK({ kty: "oct", k: holder.publicJwk.x ?? "" }, "HS256")
    const claims = { jti: "1", htm: "GET", htu: URI, iat: seconds }
    const header = { alg: "HS256", typ: "dpop+jwt", jwk: holder.publicJwk }
    const forged = await new SignJWT(claims).setProtectedHeader(header).sign(secret)
    expect(await verifyProof(forged, { method: "GET", uri: URI, ath: null }, NOW)).toHaveProperty("rejected")
    const [, payload = ""] = forged.split(".")
    const none = btoa(JSON.stringify({ ...header, alg: "none" })).replaceAll("=", "")
    for (const token of [`${none}.${payload}.`, `${none}.${payload}.AAAA`, "x", "x".repeat(5000)]) {
      expect(await verifyProof(token, { method: "GET", uri: URI, ath: null }, NOW)).toHaveProperty("rejected")
    }
  })

  test("a header that was seen before is judged as it was, and says nothing of the rest", async () => {
    for (let round = 0; round < 2; round++) {
      expect(await verdict()).toBe("ok")
      expect(await verdict({ header: { typ: "JWT" } })).toBe("type_refused")
      expect(await verdict({ header: { jwk: holder.privateJwk } })).toBe("key_refused")
      // The holder's header, word for word, over another's signature; other claims under it; its claims spelt
      // otherwise.
      expect(await verdict({ key: other.key })).toBe("signature_invalid")
      expect(await verdict({ claims: { htm: "DELETE" } })).toBe("htm")
      const proof = await proofOf(holder, "GET", URI, TOKEN)
      const verify = async (text: string) => verifyProof(text, { method: "GET", uri: URI, ath: ATH }, NOW)
      const [header, claims, signature] = proof.split(".")
      expect(await verify(`${header}.${claims}.${signature}.`)).toHaveProperty("rejected")
      expect(await verify(`${header}=.${claims}.${signature}`)).toHaveProperty("rejected")
      expect(await verify(`${header}.e30.${signature}`)).toMatchObject({ rejected: "claim_missing" })
      expect(await verify(proof)).toMatchObject({ jkt: holder.jkt })
    }
  })

  test("as many headers as there may be: each is its own key's", async () => {
    const first = await newProofKey()
    for (let index = 0; index < 1_100; index++) {
      const proof = await proofOf(first, "GET", URI, TOKEN, { header: { x: index } })
      const verified = await verifyProof(proof, { method: "GET", uri: URI, ath: ATH }, Date.now())
      expect(verified).toMatchObject({ jkt: first.jkt })
    }
    expect(await verdict()).toBe("ok")
    expect(await verdict({ key: other.key })).toBe("signature_invalid")
  })

  test("one of 4,096 characters is looked at, and a longer one is not", async () => {
    const verify = async (text: string) => verifyProof(text, { method: "GET", uri: URI, ath: ATH }, NOW)
    expect(await verify("A".repeat(4_096))).not.toHaveProperty("rejected", "too_long")
    expect(await verify("A".repeat(4_097))).toHaveProperty("rejected", "too_long")
  })

  test("at the token endpoint it goes with no token, and its ath is nobody's concern", async () => {
    expect(await verdict({ claims: { ath: undefined } }, { ath: null })).toBe("ok")
  })
})
