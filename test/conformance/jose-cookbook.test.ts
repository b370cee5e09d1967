import { compactVerify, errors, SignJWT, importJWK, type CryptoKey } from "jose"
import { expect } from "vitest"
import { z } from "zod"
import { ALGORITHMS, isAlgorithm } from "../../src/core/keys/algorithm.ts"
import { readCompact } from "../../src/credentials/jws/compact.ts"
import { importKeys, keyFor } from "../../src/credentials/key-sets/public-key.ts"
import { isRejected, type Rejected } from "../../src/core/denials/terms/credential-rejection.ts"
import { algorithmOf, weakness } from "../../src/core/keys/key-strength.ts"
import { verifySigned } from "../../src/credentials/jws/signature.ts"
import { conformance } from "./conformance.ts"
import type { Deviation } from "./folders.ts"

const jwkSchema = z.record(z.string(), z.string())
type Jwk = z.infer<typeof jwkSchema>

const outputSchema = z.strictObject({
  compact: z.string().optional(),
  json: z.looseObject({}),
  json_flat: z.looseObject({}).optional(),
})
const signedSchema = z.looseObject({
  input: z.strictObject({
    payload: z.string(),
    key: z.union([jwkSchema.transform((key) => [key]), z.array(jwkSchema)]),
    alg: z.union([z.string(), z.array(z.string())]),
  }),
  output: outputSchema,
})
const encryptedSchema = z.looseObject({
  input: z.looseObject({
    plaintext: z.string(),
    // One example has a password instead.
    key: z.union([jwkSchema.transform((key) => [key]), z.array(jwkSchema)]).optional(),
    pwd: z.string().optional(),
    alg: z.union([z.string().transform((alg) => [alg]), z.array(z.string())]),
  }),
  encrypting_content: z.looseObject({ protected_b64u: z.string().optional() }),
  output: outputSchema,
})
const nestedSchema = z.strictObject({
  title: z.string(),
  sign: z.looseObject({
    input: z.strictObject({ payload: z.string(), key: jwkSchema, alg: z.string() }),
    output: z.strictObject({ compact: z.string() }),
  }),
  encrypt: z.looseObject({ output: outputSchema }),
})
type Signed = z.infer<typeof signedSchema>
type Encrypted = z.infer<typeof encryptedSchema>
type Nested = z.infer<typeof nestedSchema>
type Deviations = Promise<readonly Deviation[]>

/** One compact signature each, by this algorithm. */
const SIGNATURES: Readonly<Record<string, string>> = {
  "jws/4_1.rsa_v15_signature.json": "RS256",
  "jws/4_2.rsa-pss_signature.json": "PS384",
  "jws/4_3.ecdsa_signature.json": "ES512",
  "curve25519/jws.json": "EdDSA",
}

const SYMMETRIC = [
  "jws/4_4.hmac-sha2_integrity_protection.json",
  "jws/4_6.protecting_specific_header_fields.json",
  "jws/4_7.protecting_content_only.json",
]
const DETACHED = "jws/4_5.signature_with_detached_content.json"
const MULTIPLE = "jws/4_8.multiple_signatures.json"
const UNENCODED = ["rfc7797/4.2.hmac-sha2_b64_false.json", "rfc7797/hmac-sha2_b64_false.json"]

const ENCRYPTED = [
  "curve25519/ecdh-es.json",
  "jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json",
  "jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json",
  "jwe/5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2.json",
  "jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm.json",
  "jwe/5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2.json",
  "jwe/5_6.direct_encryption_using_aes-gcm.json",
  "jwe/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json",
  "jwe/5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json",
  "jwe/5_9.compressed_content.json",
  "jwe/5_10.including_additional_authentication_data.json",
  "jwe/5_11.protecting_specific_header_fields.json",
  "jwe/5_12.protecting_content_only.json",
  "jwe/5_13.encrypting_to_multiple_recipients.json",
]
const NESTED = "6.nesting_signatures_and_encryption.json"

const PUBLIC_JWK: Readonly<Record<string, string>> = {
  "jwk/3_1.ec_public_key.json": "ES512",
  "jwk/3_3.rsa_public_key.json": "RS256",
}
const SECRET_JWK: Readonly<Record<string, string>> = {
  "jwk/3_2.ec_private_key.json": "private",
  "jwk/3_4.rsa_private_key.json": "private",
  "jwk/3_5.symmetric_key_mac_computation.json": "symmetric",
  "jwk/3_6.symmetric_key_encryption.json": "symmetric",
}

const WAYS = {
  json: {
    what: "JWS and JWE in JSON serialization (RFC 7515 7.2, RFC 7516 7.2) are refused",
    why: "a credential has one spelling, the compact one, and one header, which is signed wholly",
  },
  notClaims: {
    what: "a payload that is no JSON object is refused, although its signature verifies",
    why: "every credential here is a JWT (RFC 7519 7.2)",
  },
  symmetric: {
    what: "signatures by a shared secret (HS256) are refused",
    why: "who can verify one can forge it (RFC 8725 3.1, 3.5)",
  },
  detached: {
    what: "detached content (RFC 7515 appendix F) is refused",
    why: "a credential brings its own claims",
  },
  multiple: {
    what: "several signatures of one payload are refused",
    why: "which of the signers vouches for it cannot be said",
  },
  unencoded: {
    what: "an unencoded payload, b64 false (RFC 7797), is refused",
    why: "it changes what is signed, by an extension that has to be understood and is not",
  },
  encrypted: {
    what: "encrypted tokens (JWE) are refused",
    why: "nothing here has a key to decrypt with, and encryption by itself proves no issuer (RFC 8725 2.3)",
  },
  nested: {
    what: "a signed JWT within an encrypted one is refused, the signed one by itself is verified",
    why: "nothing here has a key to decrypt with",
  },
  secretKey: {
    what: "a private or symmetric key in a key set is refused",
    why: "what others can read proves nothing",
  },
} as const satisfies Record<string, Pick<Deviation, "what" | "why">>

const told = ({ rejected: { hash: _hash, ...reason } }: Rejected): string => Object.values(reason).join(": ")
const deviation = (way: keyof typeof WAYS, evidence: string): Deviation => ({ ...WAYS[way], evidence })

function refusal(token: string): string {
  const read = readCompact(token)
  if (!isRejected(read)) throw new Error("it is read")
  return told(read)
}

const NOT_COMPACT = "malformed: it is no compact JWS"

/** Each serialization as JSON that an example shows. */
function refusedAsJson({ json, json_flat }: z.infer<typeof outputSchema>): Deviation {
  const said = [json, json_flat].filter((form) => form !== undefined).map((form) => refusal(JSON.stringify(form)))
  expect(new Set(said)).toEqual(new Set([NOT_COMPACT]))
  return deviation("json", NOT_COMPACT)
}

const PRIVATE_MEMBERS = new Set(["d", "p", "q", "dp", "dq", "qi"])
const publicPart = (jwk: Jwk): Jwk =>
  Object.fromEntries(Object.entries(jwk).filter(([member]) => !PRIVATE_MEMBERS.has(member)))

function first<T>(items: readonly T[]): T {
  const [item] = items
  if (item === undefined) throw new Error("there is none")
  return item
}

const base64url = (text: string): string =>
  new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true })

/** One bit changed in the first or last byte of the payload or the signature; a header that says one thing more. */
function altered(token: string): readonly string[] {
  const [header = "", payload = "", signature = ""] = token.split(".")
  const changed = (part: string): readonly string[] =>
    [0, -1].map((place) => {
      const bytes = Uint8Array.fromBase64(part, { alphabet: "base64url" })
      const index = place < 0 ? bytes.length - 1 : place
      bytes[index] = (bytes[index] ?? 0) ^ 1
      return bytes.toBase64({ alphabet: "base64url", omitPadding: true })
    })
  const read: unknown = JSON.parse(atob(header.replaceAll("-", "+").replaceAll("_", "/")))
  const more = base64url(JSON.stringify({ ...z.looseObject({}).parse(read), more: 1 }))
  return [
    `${more}.${payload}.${signature}`,
    ...changed(payload).map((other) => `${header}.${other}.${signature}`),
    ...changed(signature).map((other) => `${header}.${payload}.${other}`),
  ]
}

/** As any of our credentials is verified. */
async function ourVerdict(token: string, jwks: readonly Jwk[], algorithms: readonly string[], seconds = 0) {
  const compact = readCompact(token)
  if (isRejected(compact)) return compact
  const owner = { id: "cookbook", keys: { kind: "inline", jwks: { keys: jwks } } as const, algorithms }
  return verifySigned(
    compact,
    owner,
    { maxLife: Number.POSITIVE_INFINITY },
    { now: seconds * 1000, local: false, background: () => undefined },
  )
}

async function verifies({ input, output }: Signed, alg: string): Deviations {
  expect(input.alg).toBe(alg)
  const jwk = first(input.key)
  const { compact = "" } = output
  // As it stands it is private, and none of ours.
  expect(await importKeys([jwk], [alg], "sig")).toEqual([])
  const keys = await importKeys([publicPart(jwk)], [alg], "sig")
  const key = keyFor(keys, jwk["kid"] ?? null, alg)
  if (!key) throw new Error("its key is not taken")
  const { payload } = await compactVerify(compact, key, { algorithms: [alg] })
  expect(new TextDecoder().decode(payload)).toBe(input.payload)
  for (const other of altered(compact)) await expectInvalid(other, key, alg)

  // The payload is the one objection: with claims in its place, the same header, key and algorithm pass.
  const evidence = refusal(compact)
  expect(evidence).toMatch(/^malformed: its claims: it /)
  const [head = "", , signature = ""] = compact.split(".")
  const { kid } = headerOf(`${head}.e30.${signature}`)
  const header = kid === null ? { alg } : { alg, kid }
  const token = await new SignJWT({ sub: "x", exp: 60 }).setProtectedHeader(header).sign(await importJWK(jwk, alg))
  expect(await ourVerdict(token, [publicPart(jwk)], [alg])).toEqual({ sub: "x", exp: 60 })
  const forged = token.replace(/[^.]+$/, signature)
  expect(await ourVerdict(forged, [publicPart(jwk)], [alg])).toEqual({ rejected: { reason: "signature_invalid" } })
  return [deviation("notClaims", evidence), refusedAsJson(output)]
}

async function expectInvalid(token: string, key: CryptoKey, alg: string): Promise<void> {
  await expect(compactVerify(token, key, { algorithms: [alg] })).rejects.toThrow(errors.JWSSignatureVerificationFailed)
}

function headerOf(token: string) {
  const read = readCompact(token)
  if (isRejected(read)) throw new Error(`it is refused: ${told(read)}`)
  return read.header
}

/** A JWT by the example's secret, whatever an issuer says that it signs with. */
async function refusedAsSymmetric(jwk: Jwk): Promise<Deviation> {
  expect(jwk["kty"]).toBe("oct")
  const weak = weakness(jwk, "sig")
  expect(weak).toBe("it is no public key")
  expect(algorithmOf(jwk, ["HS256", ...Object.keys(ALGORITHMS)])).toBeNull()
  const secret = await importJWK(jwk, "HS256")
  const token = await new SignJWT({ sub: "x", exp: 60 }).setProtectedHeader({ alg: "HS256" }).sign(secret)
  expect(await ourVerdict(token, [jwk], ["HS256"])).toEqual({ rejected: { reason: "key_unknown", kid: null } })
  const verdict = await ourVerdict(token, [jwk], Object.keys(ALGORITHMS))
  expect(verdict).toEqual({ rejected: { reason: "algorithm_refused", alg: "HS256" } })
  return deviation("symmetric", `algorithm_refused: HS256; of its key: ${weak}`)
}

async function refusesSymmetric({ input, output }: Signed): Deviations {
  // Its payload is no claims, so its bytes are refused for that; with claims, for the algorithm.
  if (output.compact !== undefined) expect(refusal(output.compact)).not.toBe("")
  return [await refusedAsSymmetric(first(input.key)), refusedAsJson(output)]
}

async function refusesDetached({ input, output }: Signed): Deviations {
  const evidence = refusal(output.compact ?? "")
  expect(evidence).toBe(NOT_COMPACT)
  return [deviation("detached", evidence), await refusedAsSymmetric(first(input.key)), refusedAsJson(output)]
}

async function refusesMultiple({ input, output }: Signed): Deviations {
  const { signatures } = z.looseObject({ signatures: z.array(z.unknown()) }).parse(output.json)
  expect(signatures.length).toBe(input.key.length)
  expect(signatures.length).toBeGreaterThan(1)
  const secret = first(input.key.filter(({ kty }) => kty === "oct"))
  return [deviation("multiple", refusal(JSON.stringify(output.json))), await refusedAsSymmetric(secret)]
}

async function refusesUnencoded({ input, output }: Signed): Deviations {
  const flat = z.looseObject({ protected: z.string(), signature: z.string() }).parse(output.json_flat)
  if (output.compact !== undefined) expect(refusal(output.compact)).toBe(NOT_COMPACT)
  // Even with a payload that is encoded claims.
  const evidence = refusal(`${flat.protected}.e30.${flat.signature}`)
  expect(evidence).toMatch(/^header_refused: (?:crit|b64)$/)
  return [deviation("unencoded", evidence), await refusedAsSymmetric(first(input.key)), refusedAsJson(output)]
}

async function refusesEncrypted({ input, encrypting_content, output }: Encrypted): Deviations {
  if (output.compact !== undefined) {
    expect(output.compact.split(".")).toHaveLength(5)
    expect(refusal(output.compact)).toBe(NOT_COMPACT)
  }
  expect(input.alg.filter(isAlgorithm)).toEqual([])
  expect((input.key ?? []).length > 0).toBe(input.pwd === undefined)
  const everything = [...input.alg, ...Object.keys(ALGORITHMS)]
  for (const jwk of [...(input.key ?? []), ...(input.key ?? []).map(publicPart)]) {
    expect(weakness(jwk, "sig")).not.toBeNull()
    expect(await importKeys([jwk], everything, "sig")).toEqual([])
  }
  // Nor does its header pass on a token of three parts.
  const { protected_b64u: header } = encrypting_content
  if (header !== undefined) {
    expect(await ourVerdict(`${header}.e30.AAAA`, input.key ?? [], everything)).toHaveProperty("rejected")
  }
  return [deviation("encrypted", NOT_COMPACT), refusedAsJson(output)]
}

async function verifiesInner({ sign, encrypt }: Nested): Deviations {
  const { key: jwk, alg, payload } = sign.input
  const claims = z.looseObject({ exp: z.number() }).parse(JSON.parse(payload))
  const verdict = async (token: string, seconds: number) => ourVerdict(token, [publicPart(jwk)], [alg], seconds)
  expect(await verdict(sign.output.compact, claims.exp - 1)).toEqual(claims)
  const verdicts = altered(sign.output.compact).map(async (other) => verdict(other, claims.exp - 1))
  const invalid = { rejected: { reason: "signature_invalid" } }
  // First and last byte of its payload are the braces.
  const unread = {
    rejected: { reason: "malformed", what: expect.stringMatching(/^its claims: /), hash: expect.any(String) },
  }
  expect(await Promise.all(verdicts)).toEqual([invalid, unread, unread, invalid, invalid])
  expect(await verdict(sign.output.compact, claims.exp + 60)).toEqual({
    rejected: { reason: "expired", exp: claims.exp },
  })
  const evidence = refusal(encrypt.output.compact ?? "")
  expect(evidence).toBe(NOT_COMPACT)
  return [deviation("nested", evidence), refusedAsJson(encrypt.output)]
}

conformance("jose-cookbook", (cases) => {
  cases.setAside("LICENSE", "curve25519/README.md", "rfc7797/README.md")
  const signed = (file: string, run: (example: Signed) => Deviations): void => {
    const example = cases.json(file, signedSchema)
    cases.case(file, async () => run(example))
  }
  for (const [file, alg] of Object.entries(SIGNATURES)) signed(file, async (example) => verifies(example, alg))
  for (const file of SYMMETRIC) signed(file, refusesSymmetric)
  signed(DETACHED, refusesDetached)
  signed(MULTIPLE, refusesMultiple)
  for (const file of UNENCODED) signed(file, refusesUnencoded)
  for (const file of ENCRYPTED) {
    const example = cases.json(file, encryptedSchema)
    cases.case(file, async () => refusesEncrypted(example))
  }
  const nested = cases.json(NESTED, nestedSchema)
  cases.case(NESTED, async () => verifiesInner(nested))

  for (const [file, alg] of Object.entries(PUBLIC_JWK)) {
    const jwk = cases.json(file, jwkSchema)
    cases.case(file, async () => {
      expect(weakness(jwk, "sig")).toBeNull()
      expect(algorithmOf(jwk, Object.keys(ALGORITHMS))).toBe(alg)
      const keys = await importKeys([jwk], Object.keys(ALGORITHMS), "sig")
      expect(keys).toMatchObject([{ kid: jwk["kid"], alg, key: { type: "public" } }])
    })
  }
  for (const [file, kind] of Object.entries(SECRET_JWK)) {
    const jwk = cases.json(file, jwkSchema)
    cases.case(file, async () => {
      const weak = weakness(jwk, "sig")
      expect(weak).toBe("it is no public key")
      expect(await importKeys([jwk], ["HS256", ...Object.keys(ALGORITHMS)], "sig")).toEqual([])
      // A private one for that alone: its public part is taken.
      const rest = await importKeys([publicPart(jwk)], Object.keys(ALGORITHMS), "sig")
      expect(rest).toHaveLength(kind === "private" ? 1 : 0)
      return [deviation("secretKey", weak ?? "")]
    })
  }
})
