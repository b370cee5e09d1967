/**
 * Who sent a request, as `CF-Connecting-IP` says on Cloudflare. Here a client may send any header: those of that name are
 * taken off every request by workerd (serve/workerd-config.ts), and this one is made of the connection. Behind a trusted
 * proxy it is the last address in `X-Forwarded-For` that is no trusted proxy's: what stands before it, anybody may write.
 */
export const HEADER = "CF-Connecting-IP"

/**
 * @param peer address of the other end of the connection, with its port; undefined: workerd does not say
 * @param forwarded `X-Forwarded-For`
 * @param proxies addresses of trusted proxies
 */
export function clientAddress(
  peer: string | undefined,
  forwarded: string | null,
  proxies: ReadonlySet<string>,
): string | null {
  if (peer === undefined) return null
  const hops = (forwarded ?? "").split(",").map((hop) => hop.trim())
  let address = hostOf(peer)
  while (proxies.has(address) && hops.length > 0) {
    const before = hostOf(hops.pop() ?? "")
    if (before === "") break
    address = before
  }
  return address
}

/** Without a port, and IPv4 as it is written, even where a socket for both wraps it in IPv6. */
function hostOf(text: string): string {
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? []
  const host = bracketed ?? (/^[^:]+:\d+$/.test(text) ? text.slice(0, text.indexOf(":")) : text)
  return host.replace(/^::ffff:(?=\d+\.)/i, "")
}
