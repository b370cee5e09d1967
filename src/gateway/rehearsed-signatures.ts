/**
 * What the rehearsal of a call verifies: signed once by a key that was thrown away, and expired since 1970.
 */
import { importJWK } from "jose"
import { verifyPublication } from "../bundles/signed-publication.ts"
import { verifyCredential } from "../credentials/verify.ts"
import type { OwnKey } from "../credentials/key-sets/own-keys.ts"
import { digestOf } from "../core/policy/digest.ts"
import { isDenied } from "../core/denials/denial.ts"
import type { Config } from "../platform/config.ts"

const ISSUER = "https://rehearsal.invalid"
const JWK = {
  kty: "EC",
  crv: "P-256",
  x: "E0qMoFw1C2V13qX6CUPLJG4ZpVuqSc1ZBJVADJjYMlA",
  y: "fQr-HYfSDVuD37y6C5J2Czn_lC01JxjpcqBcyrTeq_A",
  kid: "rehearsal",
  alg: "ES256",
  use: "sig",
}
/** A delegation token, valid for the first second of 1970. */
export const REHEARSED_TOKEN =
  "eyJhbGciOiJFUzI1NiIsImtpZCI6InJlaGVhcnNhbCIsInR5cCI6ImF0K2p3dCJ9.eyJjbGllbnRfaWQiOiJodHRwczovL3JlaGVhcnNhbC5pbnZhbGlkL2FnZW50IiwiYWN0Ijp7InN1YiI6Imh0dHBzOi8vcmVoZWFyc2FsLmludmFsaWQvYWdlbnQifSwidGFzayI6InRza18wMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMC0wMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwIiwicHVycG9zZSI6InJlYWRpbmciLCJzY29wZSI6InJlaGVhcnNhbC4qOnJlYWQiLCJzaW5jZSI6MCwiaXNzIjoiaHR0cHM6Ly9yZWhlYXJzYWwuaW52YWxpZCIsInN1YiI6Imh0dHBzOi8vcmVoZWFyc2FsLmludmFsaWR8c29tZWJvZHkiLCJhdWQiOiJodHRwczovL3JlaGVhcnNhbC5pbnZhbGlkIiwiaWF0IjowLCJleHAiOjEsImp0aSI6InJlaGVhcnNhbCJ9.in7Nk4agzh5fN2_YBKufOhN0OT7m_0KQf4wbz7sTCjGZfYLKZJJHsTNdEQpVAz2Z3kM76mhws758CwbRu_BfjQ"
/** Of a publisher. */
const POINTER =
  "eyJhbGciOiJFUzI1NiIsImtpZCI6InJlaGVhcnNhbCIsInR5cCI6Im5hcnJvd2dhdGUtcG9pbnRlcitqd3QifQ.eyJhdWQiOiJodHRwczovL3JlaGVhcnNhbC5pbnZhbGlkIiwiaWF0IjoxLCJzZXEiOjEsImRpZ2VzdCI6IjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAiLCJieSI6Ii0iLCJ3aHkiOiItIn0.8dvj2Jxy7vYj9vSQYuBVD1dwTfxgyeurzmYsyHs_VjQ-L7NYJ0pFDK1aJ8GjhedmvfrSPmQqff9iX_worny3jQ"
const NOW = 1

/** @returns whether both were verified */
export async function verifyRehearsed(config: Config): Promise<boolean> {
  await verifyPublication(POINTER, { ...config, issuer: ISSUER, publisherKeys: { keys: [JWK] } }, "pointer")
  const key = await importJWK(JWK, "ES256")
  if (key instanceof Uint8Array) return false
  // Found once: by then the token is verified, and an isolate remembers no token whose key has left the ring.
  const found: OwnKey[] = [{ key, alg: "ES256" }]
  const keys = { find: () => found.pop() ?? null, published: async () => [] }
  const presented = { authorization: `Bearer ${REHEARSED_TOKEN}`, proof: null, method: "GET", uri: ISSUER }
  const verified = await verifyCredential(presented, new Set([ISSUER]), keys, ISSUER, NOW)
  await digestOf(Uint8Array.from(new TextEncoder().encode(REHEARSED_TOKEN)))
  return isDenied(verified) && verified.denied.reason === "token_rejected" && verified.denied.what === "key_unknown"
}
