/**
 * A text that nobody can guess, in base64url.
 * @param bytes from the platform's generator: 32 for a credential, 16 for what only has to be unique
 */
export function newSecret(bytes: 16 | 32 = 32): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toBase64({ alphabet: "base64url", omitPadding: true })
}
