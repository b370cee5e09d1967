/** The hash of a call's arguments, as a Transaction Token has it: SHA-256 of their canonical JSON (RFC 8785), in hex. */

type Values = Readonly<Record<string, unknown>>

/** Null if there are none. */
export async function argumentsHash(values: Values): Promise<string | null> {
  if (Object.keys(values).length === 0) return null
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonicalJson(values)))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
}

/**
 * RFC 8785 writes strings and numbers as ECMAScript does, and sorts members by UTF-16 code units, as `toSorted` does.
 * @param json parsed JSON
 */
export function canonicalJson(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(canonicalJson).join(",")}]`
  if (typeof json !== "object" || json === null) return JSON.stringify(json)
  const members = Object.entries(json).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${canonicalJson(value)}`).join(",")}}`
}
