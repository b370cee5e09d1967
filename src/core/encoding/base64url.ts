/** Base64url without padding (RFC 4648, section 5), for the code that imports no platform. */
import { bytesToBase64 } from "./base64.ts"

/** @throws if the text is not base64url */
export function bytesOfBase64url(text: string): Uint8Array {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}

export function bytesToBase64url(bytes: Uint8Array): string {
  return bytesToBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
}
