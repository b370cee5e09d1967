/** SPIFFE IDs (SPIFFE-ID 2): `spiffe://trust-domain/path`, in the one spelling that they have. */

const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)*)$/
const MAX_BYTES = 2_048

/** The trust domain of a SPIFFE ID, or null where it is none. A workload's has a path, a trust domain's own has not. */
export function trustDomainOf(id: string): string | null {
  const [, domain, path] = SPIFFE_ID.exec(id) ?? []
  if (domain === undefined || path === undefined || id.length > MAX_BYTES) return null
  return path.split("/").some((segment) => segment === "." || segment === "..") ? null : domain
}
