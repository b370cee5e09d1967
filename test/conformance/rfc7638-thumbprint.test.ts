import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose"
import { expect } from "vitest"
import { z } from "zod"
import { verifyProof } from "../../src/credentials/dpop.ts"
import { sha256Base64url } from "../../src/core/encoding/hash.ts"
import { proofOf } from "../harness/proofs.ts"
import { conformance } from "./conformance.ts"

const vectorsSchema = z
  .array(
    z.strictObject({
      name: z.string(),
      jwk: z.string(),
      precompute: z.string(),
      sha256: z.string(),
      thumbprint: z.string(),
    }),
  )
  .nonempty()

const jwkSchema = z.record(z.string(), z.string())
type Jwk = z.infer<typeof jwkSchema>

/** RFC 7638 3.2, RFC 8037 2. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = { RSA: ["e", "kty", "n"], OKP: ["crv", "kty", "x"] }
const PROOF_ALGORITHM: Readonly<Record<string, string>> = { RSA: "RS256", OKP: "Ed25519" }

/** RFC 7638 3, written anew: what is hashed. */
function hashed(jwk: Jwk): string {
  return JSON.stringify(Object.fromEntries((REQUIRED[jwk["kty"] ?? ""] ?? []).map((member) => [member, jwk[member]])))
}

const URI = "https://api.test/files"

conformance("rfc7638-thumbprint", (cases) => {
  for (const { name, jwk: text, precompute, sha256, thumbprint } of cases.json("vectors.json", vectorsSchema)) {
    cases.case(name, async () => {
      const jwk = jwkSchema.parse(JSON.parse(text))
      expect(new TextDecoder().decode(Uint8Array.fromHex(precompute))).toBe(hashed(jwk))
      expect(Uint8Array.fromHex(sha256).toBase64({ alphabet: "base64url", omitPadding: true })).toBe(thumbprint)
      expect(sha256Base64url(hashed(jwk))).toBe(thumbprint)
      expect(await calculateJwkThumbprint(jwk, "sha256")).toBe(thumbprint)
      // The vector's private key is not given: a proof by a key of its kind names the thumbprint of the same rule.
      const alg = PROOF_ALGORITHM[jwk["kty"] ?? ""] ?? ""
      const { privateKey: key, publicKey } = await generateKeyPair(alg, { extractable: true })
      const publicJwk = await exportJWK(publicKey)
      const jkt = sha256Base64url(hashed(jwkSchema.parse(publicJwk)))
      const holder = { key, publicJwk, privateJwk: {}, jkt }
      // Members that are no part of a thumbprint, and another order.
      const { kty, ...others } = publicJwk
      const header = { alg, jwk: { kid: "any", alg, ...others, kty } }
      const proof = await proofOf(holder, "GET", URI, null, { header })
      expect(await verifyProof(proof, { method: "GET", uri: URI, ath: null }, Date.now())).toMatchObject({ jkt })
    })
  }
})
