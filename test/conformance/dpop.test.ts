import { generateKeyPair, SignJWT } from "jose"
import { expect } from "vitest"
import { z } from "zod"
import { sha256Base64url } from "../../src/core/encoding/hash.ts"
import { challengeOf } from "../../src/credentials/challenge.ts"
import { readCompact } from "../../src/credentials/jws/compact.ts"
import { verifyDelegationToken, type DelegationClaims } from "../../src/credentials/delegation-token.ts"
import { verifyProof } from "../../src/credentials/dpop.ts"
import { verifyCredential } from "../../src/credentials/verify.ts"
import { CODES } from "../../src/core/denials/terms/code.ts"
import { codeOf, type Denial } from "../../src/core/denials/denial.ts"
import { ProofLog, type Proof } from "../../src/core/task/proof-log.ts"
import { US } from "../harness/issuers.ts"
import { conformance } from "./conformance.ts"

const caseSchema = z.strictObject({
  id: z.string(),
  expect: z.string(),
  /** Seconds. */
  now: z.number(),
  method: z.string(),
  url: z.string(),
  access_token: z.string().nullable(),
  proof: z.string().nullable(),
  repeat: z.literal(2).optional(),
  scheme: z.literal("Bearer").optional(),
  proof_headers: z.union([z.literal(1), z.literal(2)]).default(1),
  server_nonce: z.string().optional(),
})
type Case = z.infer<typeof caseSchema>

const documentSchema = z.strictObject({
  source: z.string(),
  licence: z.string(),
  note: z.string(),
  cases: z.array(caseSchema).nonempty(),
  bound_access_token: z.strictObject({ id: z.string(), jwt: z.string(), cnf_jkt: z.string() }),
})

/** As our doors do: two headers arrive as one, and the URI is the request's, without query and fragment. */
async function verify({ proof, proof_headers: headers, method, url, access_token: token, now }: Case) {
  const shown = new Headers()
  for (let index = 0; index < headers; index += 1) shown.append("DPoP", proof ?? "")
  const { origin, pathname } = new URL(url)
  const expected = { method, uri: origin + pathname, ath: token === null ? null : sha256Base64url(token) }
  return verifyProof(shown.get("DPoP") ?? "", expected, now * 1000)
}

async function accepted(vector: Case, jkt: string): Promise<Proof> {
  const proof = await verify(vector)
  if ("rejected" in proof) throw new Error(`it is rejected: ${proof.rejected}`)
  expect(proof.jkt).toBe(jkt)
  expect(proof.jti.startsWith(`${jkt}.`)).toBe(true)
  return proof
}

/** @param words that the challenge has to hold */
function expectUnauthorized(denial: Denial, ...words: readonly string[]): void {
  expect(CODES[codeOf(denial)].status).toBe(401)
  const challenge = challengeOf(denial, null)
  for (const word of words) expect(challenge["WWW-Authenticate"]).toContain(word)
  expect(challenge["WWW-Authenticate"]).toMatch(/^DPoP /)
}

async function refused(vector: Case, what: string): Promise<void> {
  const rejected = await verify(vector)
  expect(rejected).toMatchObject({ rejected: what })
  expectUnauthorized({ reason: "proof_rejected", what }, 'error="invalid_dpop_proof"')
}

/** What a ledger says of proofs that it has never met, and has always been awake for. */
const newLog = (): ProofLog => new ProofLog("nonce of this life", Number.NEGATIVE_INFINITY)

/** A token of ours that is bound to the key of the vectors. */
async function boundToken(jkt: string, now: number) {
  const { privateKey, publicKey } = await generateKeyPair("ES256")
  const claims: DelegationClaims = {
    iss: US,
    sub: "spiffe://example.org/agent/first",
    aud: "https://resource.example.org",
    client_id: "spiffe://example.org/agent/first",
    task: `tsk_01ARZ3NDEKTSV4R${"0".repeat(21)}`,
    purpose: "any",
    scope: "",
    cnf: { jkt },
    since: now,
    iat: now,
    exp: now + 60,
    jti: "1",
  }
  const header = { alg: "ES256", typ: "at+jwt", kid: "ours" }
  const token = await new SignJWT({ ...claims }).setProtectedHeader(header).sign(privateKey)
  const keys = {
    find: async (kid: string) => (kid === "ours" ? { key: publicKey, alg: "ES256" as const } : null),
    published: async () => [],
  }
  return { token, keys }
}

conformance("dpop", (cases) => {
  const { note, cases: vectors, bound_access_token: bound } = cases.json("rfc9449-examples.json", documentSchema)
  const jkt = /jkt ([A-Za-z0-9_-]{43})/.exec(note)?.[1] ?? ""
  const audiences = new Set(["https://resource.example.org"])

  for (const vector of vectors) {
    const { id, expect: expected, now, method, url, access_token: token } = vector
    cases.case(id, async () => {
      if (expected.startsWith("valid")) {
        expect(newLog().check(await accepted(vector, jkt), now * 1000)).toBe("fresh")
        return
      }
      const claim = /^invalid.*\((htm|htu|iat|ath)(?: missing)?\)$/.exec(expected)?.[1]
      if (claim !== undefined) {
        await refused(vector, claim)
      } else if (vector.proof_headers === 2) {
        await accepted({ ...vector, proof_headers: 1 }, jkt)
        await refused(vector, "malformed: it is no compact JWS")
      } else if (vector.repeat !== undefined) {
        const log = newLog()
        const proof = await accepted(vector, jkt)
        expect(log.check(proof, now * 1000)).toBe("fresh")
        log.admit(proof, now * 1000)
        expect(log.check(await accepted(vector, jkt), now * 1000)).toBe("seen")
        expectUnauthorized({ reason: "proof_replayed" }, 'error="invalid_dpop_proof"')
      } else if (vector.server_nonce !== undefined) {
        const proof = await accepted(vector, jkt)
        const nonce = vector.server_nonce
        // Woken at this very moment: what was admitted before is not known.
        expect(new ProofLog(nonce, now * 1000).check(proof, now * 1000)).toBe("nonce_required")
        expect(new ProofLog(nonce, now * 1000).check({ ...proof, nonce }, now * 1000)).toBe("fresh")
        expectUnauthorized({ reason: "nonce_required", nonce }, 'error="use_dpop_nonce"')
        expect(challengeOf({ reason: "nonce_required", nonce }, null)).toHaveProperty("DPoP-Nonce", nonce)
      } else if (vector.scheme === "Bearer") {
        // The vector's own token is not of our making, and has a character that ours have not.
        const ours = await boundToken(jkt, now)
        const shown = { proof: vector.proof, method, uri: url }
        const say = async (text: string | null) =>
          verifyCredential({ ...shown, authorization: `Bearer ${text}` }, audiences, ours.keys, US, now * 1000)
        expect(await say(token)).toEqual({ denied: { reason: "authorization_malformed" } })
        expect(await say(ours.token)).toEqual({ denied: { reason: "binding_required" } })
        expectUnauthorized({ reason: "binding_required" }, 'error="invalid_token"')
      } else {
        throw new Error(`a kind of case that is unknown here: ${expected}`)
      }
    })
  }

  cases.case(`${bound.id}, the bound access token`, async () => {
    const compact = readCompact(bound.jwt)
    expect(compact).toMatchObject({ claims: { cnf: { jkt: bound.cnf_jkt } } })
    expect(bound.cnf_jkt).toBe(jkt)
    // Issued by another server, whose key is not given: ours opens nothing with it.
    const { keys } = await boundToken(jkt, 1_562_262_618)
    const verified = await verifyDelegationToken(bound.jwt, keys, US, audiences, 1_562_262_618_000)
    expect(verified).toMatchObject({ denied: { reason: "token_rejected", what: "type_refused" } })
  })
})
