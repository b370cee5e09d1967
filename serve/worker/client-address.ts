/**
 * Who sent a request, as `CF-Connecting-IP` says on Cloudflare. Here a client may send any header: those of that name are
 * taken off every request by workerd (serve/workerd-config.ts), and this one is made of the connection. Behind a trusted
 * proxy it is the last address in `X-Forwarded-For` that is no trusted proxy's: what stands before it, anybody may write.
 */
export const HEADER = "CF-Connecting-IP"

/**
 * @param peer address of the other end of the connection, with its port; undefined: workerd does not say
 * @param forwarded `X-Forwarded-For`
 * @param proxies addresses of trusted proxies, as `addressOf` writes them
 */
export function clientAddress(
  peer: string | undefined,
  forwarded: string | null,
  proxies: ReadonlySet<string>,
): string | null {
  if (peer === undefined) return null
  const hops = (forwarded ?? "").split(",").map((hop) => hop.trim())
  let address = addressOf(peer)
  while (proxies.has(address) && hops.length > 0) {
    const before = addressOf(hops.pop() ?? "")
    if (before === "") break
    address = before
  }
  return address
}

/** Without a port, in one form of all, and IPv4 as such even where a socket for both wraps it in IPv6. */
export function addressOf(text: string): string {
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? []
  const host = bracketed ?? (/^[^:]+:\d+$/.test(text) ? text.slice(0, text.indexOf(":")) : text)
  if (!/^[\dA-Fa-f.]*:[\dA-Fa-f:.]+$/.test(host)) return host
  const address = URL.parse(`http://[${host}]`)?.hostname.slice(1, -1) ?? host
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(address) ?? []
  if (high === undefined || low === undefined) return address
  return [high, low].flatMap((part) => [parseInt(part, 16) >> 8, parseInt(part, 16) & 0xff]).join(".")
}
