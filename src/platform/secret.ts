/**
 * What nobody can guess, in base64url.
 * @param bytes from the platform's generator: 32 open something by themselves, 16 only have to be new
 */
export function newSecret(bytes: 16 | 32 = 32): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toBase64({ alphabet: "base64url", omitPadding: true })
}
