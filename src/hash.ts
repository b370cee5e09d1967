/** SHA-256 in the forms that credentials need. */

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))
}

/** `ath` of RFC 9449. */
export async function sha256Base64url(text: string): Promise<string> {
  return (await sha256(text)).toBase64({ alphabet: "base64url", omitPadding: true })
}

export async function sha256Hex(text: string): Promise<string> {
  return (await sha256(text)).toHex()
}

/** Tells two tokens apart in records, opens nothing. */
export async function tokenHash(token: string): Promise<string> {
  return (await sha256Hex(token)).slice(0, 16)
}
