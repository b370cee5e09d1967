/** The network of an address: the range whose addresses may all belong to one host or household. */

/** The platform's own header; no client can set it there. Null: a local stack, which has none. */
export function networkOf(request: Request): string | null {
  const address = request.headers.get("cf-connecting-ip")
  if (address === null) return null
  const v4 = /^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/.exec(address)?.[1]
  return v4 === undefined ? networkOfV6(address) : `${v4}.0/24`
}

function networkOfV6(address: string): string {
  const written = URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1)
  if (written === undefined) return "unknown"
  const [before = "", after] = written.split("::")
  const [first, last] = [before, after ?? ""].map((part) => part.split(":").filter((group) => group !== ""))
  const zeros = Array.from({ length: Math.max(0, 8 - (first?.length ?? 0) - (last?.length ?? 0)) }, () => "0")
  const groups = after === undefined ? (first ?? []) : [...(first ?? []), ...zeros, ...(last ?? [])]
  return `${groups.slice(0, 3).join(":")}::/48`
}
