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
  x: "sSgmlKAGYMNwJ3F71WJ9aoerlpOfj-uFcnnPuM2VUBs",
  y: "fjUxadktpaOas-gBo79ZFMOgnJ5vS6v2zwIjMxbzSSw",
  kid: "rehearsal",
  alg: "ES256",
  use: "sig",
}
/** A delegation token, valid for the first second of 1970. */
export const REHEARSED_TOKEN =
  "eyJhbGciOiJFUzI1NiIsImtpZCI6InJlaGVhcnNhbCIsInR5cCI6ImF0K2p3dCJ9.eyJjbGllbnRfaWQiOiJodHRwczovL3JlaGVhcnNhbC5pbnZhbGlkL2FnZW50IiwiYWN0Ijp7InN1YiI6Imh0dHBzOi8vcmVoZWFyc2FsLmludmFsaWQvYWdlbnQifSwidGFzayI6InRza18wMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAiLCJwdXJwb3NlIjoicmVhZGluZyIsInNjb3BlIjoicmVoZWFyc2FsLio6cmVhZCIsInNpbmNlIjowLCJpc3MiOiJodHRwczovL3JlaGVhcnNhbC5pbnZhbGlkIiwic3ViIjoiaHR0cHM6Ly9yZWhlYXJzYWwuaW52YWxpZHxzb21lYm9keSIsImF1ZCI6Imh0dHBzOi8vcmVoZWFyc2FsLmludmFsaWQiLCJpYXQiOjAsImV4cCI6MSwianRpIjoicmVoZWFyc2FsIn0.vhay7OHlSvPb0DMzhzF0NkobJfGwwNcyEXplaE6GPi1U3T71GRUvqTaSckLn_DQHPOaKP1YdAa8g0-tY5-C1CQ"
/** Of a publisher. */
const POINTER =
  "eyJhbGciOiJFUzI1NiIsImtpZCI6InJlaGVhcnNhbCIsInR5cCI6Im5hcnJvd2dhdGUtcG9pbnRlcitqd3QifQ.eyJhdWQiOiJodHRwczovL3JlaGVhcnNhbC5pbnZhbGlkIiwiaWF0IjoxLCJzZXEiOjEsImRpZ2VzdCI6IjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAiLCJieSI6Ii0iLCJ3aHkiOiItIn0.PUPIwRYwglFi0X-JGw4r2Wo8VMy76m7e4MKWddhAQroVoYgdoUM1WSKtr3RfARsv5Xfku-BLF6fJo8vGbqVwIA"
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
