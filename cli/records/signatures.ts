/** Signatures of checkpoints and receipts, by the public keys of a deployment. */
import { compactVerify, importJWK, type JWK } from "jose"
import { base64ToBytes } from "../../src/core/encoding/base64.ts"
import { bytesOfBase64url } from "../../src/core/encoding/base64url.ts"
import { encoder } from "../../src/core/encoding/hash.ts"
import { noteKeyId, originOf, readCheckpoint, readProof } from "../../src/core/proof/checkpoint.ts"
import type { CheckSignature } from "../../src/core/proof/check-export.ts"
import { leafOf, type RecordHead } from "../../src/core/proof/leaf.ts"
import { HASH_LENGTH, isSame, rootByInclusion } from "../../src/core/proof/merkle.ts"
import { RECEIPT_TYPE } from "../../src/core/proof/receipt.ts"

const isEd25519 = ({ crv, x }: JWK): boolean => crv === "Ed25519" && typeof x === "string"

export function signatureCheck(keys: readonly JWK[]): CheckSignature {
  return async ({ checkpoint: { origin }, text, signatures }) => {
    for (const jwk of keys.filter(isEd25519)) {
      const raw = bytesOfBase64url(jwk.x ?? "")
      const keyId = noteKeyId(origin, raw)
      const own = signatures.find((each) => each.name === origin && isSame(each.keyId, keyId))
      if (!own) continue
      const key = await crypto.subtle.importKey("raw", Uint8Array.from(raw), "Ed25519", false, ["verify"])
      if (await crypto.subtle.verify("Ed25519", key, Uint8Array.from(own.signature), encoder.encode(text))) return true
    }
    return false
  }
}

/** @returns what is wrong with a receipt. Null if nothing is */
export async function receiptFlaw(receipt: string, issuer: string, keys: readonly JWK[]): Promise<string | null> {
  const verified = await verifiedClaims(receipt, keys)
  if (!verified) return "no key of the deployment has signed it"
  if (verified["iss"] !== issuer) return `it is of ${String(verified["iss"])}`
  const proof = readProof(String(verified["proof"]))
  const signed = proof && readCheckpoint(proof.note)
  if (!proof || !signed) return "it has no proof"
  const { origin, size, root } = signed.checkpoint
  if (origin !== originOf(issuer, String(verified["log"]))) return `its checkpoint is of ${origin}`
  if (!(await signatureCheck(keys)(signed))) return "its checkpoint is not signed by a key of the deployment"
  const leaf = base64ToBytes(String(verified["leaf"]))
  if (leaf?.length !== HASH_LENGTH) return "it has no hash of an entry"
  const { record } = verified
  // An operator's has the whole entry.
  if (isHead(record) && !isSame(leafOf(record), leaf)) return "its record is not the one of the entry"
  const found = rootByInclusion(proof.index, size, leaf, proof.path)
  return found && isSame(found, root) ? null : "its record is not in the log at its position"
}

const isHead = (record: unknown): record is RecordHead =>
  typeof record === "object" && record !== null && "commitment" in record

async function verifiedClaims(receipt: string, keys: readonly JWK[]): Promise<Record<string, unknown> | null> {
  for (const jwk of keys.filter(isEd25519)) {
    try {
      const { payload, protectedHeader } = await compactVerify(receipt, await importJWK(jwk, "EdDSA"))
      if (protectedHeader.typ !== RECEIPT_TYPE) return null
      return JSON.parse(new TextDecoder().decode(payload))
    } catch {
      // Another key may have signed it.
    }
  }
  return null
}
