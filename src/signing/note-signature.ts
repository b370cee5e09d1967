/** The signature of a note (c2sp.org/signed-note) with an Ed25519 key. */
import { importJWK, type JWK } from "jose"
import { bytesOfBase64url } from "../core/encoding/base64url.ts"
import { encoder } from "../core/encoding/hash.ts"
import { noteKeyId, type NoteSignature } from "../core/proof/checkpoint.ts"

export async function noteSignature(privateJwk: JWK, name: string, text: string): Promise<NoteSignature> {
  const key = await importJWK(privateJwk, "EdDSA")
  if (key instanceof Uint8Array) throw new Error("the signing key is no asymmetric key")
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", key, encoder.encode(text)))
  return { name, keyId: noteKeyId(name, bytesOfBase64url(privateJwk.x ?? "")), signature }
}
