/** Signs checkpoints of logs by the ring's Ed25519 key, whose public half the JWK Set of this deployment has. */
import { importJWK } from "jose"
import { bytesOfBase64url } from "../core/encoding/base64url.ts"
import { encoder } from "../core/encoding/hash.ts"
import { checkpointText, noteKeyId, noteOf, type Checkpoint } from "../core/proof/checkpoint.ts"
import { keyRing } from "./key-ring.ts"

/**
 * @returns the signed note
 * @throws if the ring is unavailable
 */
export async function signCheckpoint(env: Env, checkpoint: Checkpoint): Promise<string> {
  const { privateJwk } = await keyRing(env).signingKey("EdDSA")
  const key = await importJWK(privateJwk, "EdDSA")
  if (key instanceof Uint8Array) throw new Error("the signing key is no asymmetric key")
  const text = checkpointText(checkpoint)
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", key, encoder.encode(text)))
  const keyId = noteKeyId(checkpoint.origin, bytesOfBase64url(privateJwk.x ?? ""))
  return noteOf(text, [{ name: checkpoint.origin, keyId, signature }])
}
