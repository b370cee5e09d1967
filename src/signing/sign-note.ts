/** Signs what logs state with the ring's Ed25519 key, whose public half the JWK Set of this deployment has. */
import { noteOf } from "../core/proof/checkpoint.ts"
import { keyRing } from "./key-ring.ts"
import { noteSignature } from "./note-signature.ts"

/**
 * @param name of the log, or of what states something of several
 * @returns the signed note
 * @throws if the ring is unavailable
 */
export async function signNote(env: Env, name: string, text: string): Promise<string> {
  const { privateJwk } = await keyRing(env).signingKey("EdDSA")
  return noteOf(text, [await noteSignature(privateJwk, name, text)])
}
