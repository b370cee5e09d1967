/**
 * Where to get a token for what is behind a gateway (RFC 9728): clients look for it at the gateway's own origin, before
 * they have one. The gateway gets these documents from Narrowgate, and sends nothing there that its client says.
 */

const WELL_KNOWN = /^\/\.well-known\/oauth-protected-resource((?:\/[\w~-][\w.~-]*)*)$/

/** Narrowgate answers preflights itself. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"])

/** The target of the document at Narrowgate; undefined if the request is for none. */
export function documentTarget(method: string, target: string, id: string, origin: string): string | undefined {
  const below = METHODS.has(method) ? WELL_KNOWN.exec(target)?.[1] : undefined
  if (below === undefined) return undefined
  return `/.well-known/oauth-protected-resource/${encodeURIComponent(id)}${below}?origin=${encodeURIComponent(origin)}`
}
