/** Signatures of checkpoints and receipts, by the public keys of a deployment. */
import { compactVerify, importJWK, type JWK } from "jose"
import { z } from "zod"
import { base64ToBytes } from "../../src/core/encoding/base64.ts"
import { bytesOfBase64url } from "../../src/core/encoding/base64url.ts"
import { encoder } from "../../src/core/encoding/hash.ts"
import { originOf, readCheckpoint, readProof } from "../../src/core/proof/checkpoint.ts"
import { isSignedBy, type KeyX, type VerifySignature } from "../../src/core/proof/key-chain.ts"
import type { CheckSignature } from "../../src/core/proof/signed-checkpoints.ts"
import { leafOf, type RecordHead } from "../../src/core/proof/leaf.ts"
import { HASH_LENGTH, isSame, rootByInclusion } from "../../src/core/proof/merkle.ts"
import { RECEIPT_TYPE } from "../../src/core/proof/receipt.ts"

const isEd25519 = ({ crv, x }: JWK): boolean => crv === "Ed25519" && typeof x === "string"

/** Of the keys that sign checkpoints: `x` of their JWKs. */
export const checkpointKeys = (keys: readonly JWK[]): readonly KeyX[] => keys.filter(isEd25519).map(({ x = "" }) => x)

export const verifyEd25519: VerifySignature = async (key, text, signature) => {
  const raw = await crypto.subtle.importKey("raw", Uint8Array.from(bytesOfBase64url(key)), "Ed25519", false, ["verify"])
  return crypto.subtle.verify("Ed25519", raw, Uint8Array.from(signature), encoder.encode(text))
}

export function signatureCheck(keys: readonly KeyX[]): CheckSignature {
  return async (name, note) => {
    for (const key of keys) if (await isSignedBy(key, name, note, verifyEd25519)) return true
    return false
  }
}

/** What a sound receipt proves. */
export interface ProvenDecision {
  readonly decision: string
  /** `allow` or `deny`. */
  readonly verdict: string
  readonly code: string
  readonly tool: string | null
  readonly agent: string | null
  /** Milliseconds since the epoch, when it was decided. */
  readonly at: number
  readonly log: string
  /** Position in the log. */
  readonly index: number
  /** Records that the checkpoint of the proof covers. */
  readonly size: number
}

export type CheckedReceipt = { readonly flaw: null; readonly proven: ProvenDecision } | { readonly flaw: string }

export async function checkReceipt(receipt: string, issuer: string, keys: readonly KeyX[]): Promise<CheckedReceipt> {
  const verified = await verifiedClaims(receipt, keys)
  if (!verified) return { flaw: "no key of the deployment has signed it" }
  const { success, data: claims } = receiptClaims.safeParse(verified)
  if (verified["iss"] !== issuer) return { flaw: `it is of ${String(verified["iss"])}` }
  if (!success) return { flaw: "it has another form than a receipt" }
  const proof = readProof(claims.proof)
  const signed = proof && readCheckpoint(proof.note)
  if (!proof || !signed) return { flaw: "it has no proof" }
  const { origin, size, root } = signed.checkpoint
  if (origin !== originOf(issuer, claims.log)) return { flaw: `its checkpoint is of ${origin}` }
  if (!(await signatureCheck(keys)(origin, signed)))
    return { flaw: "its checkpoint is not signed by a key of the deployment" }
  const leaf = base64ToBytes(claims.leaf)
  if (leaf?.length !== HASH_LENGTH) return { flaw: "it has no hash of an entry" }
  // The value itself, because a schema's result would lack a member named `__proto__`.
  const { record } = verified
  // An operator's has the whole entry.
  if (isHead(record) && !isSame(leafOf(record), leaf)) return { flaw: "its record is not the one of the entry" }
  const found = rootByInclusion(proof.index, size, leaf, proof.path)
  if (!found || !isSame(found, root)) return { flaw: "its record is not in the log at its position" }
  const { jti: decision, sub: agent = null, log } = claims
  const { decision: verdict, code, tool = null, at } = claims.record
  return { flaw: null, proven: { decision, verdict, code, tool, agent, at, log, index: proof.index, size } }
}

const receiptClaims = z.object({
  jti: z.string(),
  sub: z.string().optional(),
  log: z.string(),
  leaf: z.string(),
  proof: z.string(),
  record: z.object({
    at: z.number(),
    decision: z.string(),
    code: z.string(),
    tool: z.string().nullable().optional(),
  }),
})

const isHead = (record: unknown): record is RecordHead =>
  typeof record === "object" && record !== null && "commitment" in record

async function verifiedClaims(receipt: string, keys: readonly KeyX[]): Promise<Record<string, unknown> | null> {
  for (const x of keys) {
    try {
      const { payload, protectedHeader } = await compactVerify(
        receipt,
        await importJWK({ kty: "OKP", crv: "Ed25519", x }, "EdDSA"),
      )
      if (protectedHeader.typ !== RECEIPT_TYPE) return null
      return JSON.parse(new TextDecoder().decode(payload))
    } catch {
      // Another key may have signed it.
    }
  }
  return null
}
