/**
 * Whether two URIs name one resource (RFC 8707): `https://api.example` and `https://api.example/` do (RFC 3986 6.2.3),
 * and which of them is written is up to the library that a client uses. Any other spelling is another name.
 */
export function isSameResource(one: string, other: string): boolean {
  return one === other || withoutSlash(one) === withoutSlash(other)
}

function withoutSlash(uri: string): string {
  return /^https?:\/\/[^/?#]+\/$/.test(uri) ? uri.slice(0, -1) : uri
}
