/** SPIFFE IDs (SPIFFE-ID, section 2): `spiffe://trust-domain/path`, in their one spelling. */

const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)*)$/
const MAX_BYTES = 2_048

/**
 * The trust domain of a SPIFFE ID. Null if the text is none. A workload's ID has a path, a trust domain's own has none.
 */
export function trustDomainOf(id: string): string | null {
  const [, domain, path] = SPIFFE_ID.exec(id) ?? []
  if (domain === undefined || path === undefined || id.length > MAX_BYTES) return null
  return path.split("/").some((segment) => segment === "." || segment === "..") ? null : domain
}
