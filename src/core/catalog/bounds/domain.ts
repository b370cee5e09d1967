/** Patterns of domains, `example.org` and `*.example.org`: of hosts of URLs and of e-mail addresses. */

/** Letters, digits and hyphens (RFC 1123, section 2.1), in small letters; a name of IDNA is in its ASCII form. */
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** Parsers take a name for an IPv4 address if its last label is a number (WHATWG URL, "ends in a number checker"). */
const ENDS_IN_NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/

export const MOST_OF_DOMAIN = 253

/** @param text in small letters */
export function isDomain(text: string): boolean {
  return text.length <= MOST_OF_DOMAIN && DOMAIN.test(text) && !ENDS_IN_NUMBER.test(text)
}

export function isDomainPattern(text: string): boolean {
  return isDomain(text.startsWith("*.") ? text.slice(2) : text)
}

/** `*.example.org` covers what is below `example.org`, not `example.org` itself. */
export function domainCovers(pattern: string, domain: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === domain
  return domain.endsWith(pattern.slice(1)) && domain !== pattern
}

/** Whether one pattern covers all that another covers. */
export function patternImplies(wide: string, narrow: string): boolean {
  if (wide === narrow) return true
  return narrow.startsWith("*.") ? wide.startsWith("*.") && narrow.endsWith(wide.slice(1)) : domainCovers(wide, narrow)
}
