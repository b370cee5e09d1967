/** The request target as received, not resolved: `..` and `%2e%2e` are still there (GATEWAYS, "Decide first" 5). */
export function rawTarget(request: Request): string {
  const { url } = request
  const slash = url.indexOf("/", url.indexOf("://") + 3)
  return slash < 0 ? "/" : url.slice(slash)
}
