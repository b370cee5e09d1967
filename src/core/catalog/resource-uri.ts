/**
 * Gives one canonical reading of the URI of an MCP resource, or none. What two readers could read differently is refused,
 * never guessed: the server may hand the URI to a URL parser, a file system or a template, and each must find what was
 * judged. Nothing is normalized, because the server reads the text as it was sent. Source: RFC 3986, sections 3 and 6.2;
 * MCP 2025-11-25, "Resources".
 */

export interface ResourceUri {
  /** The scheme with `//` if there is an authority, and the query and the fragment: they are compared as they are. */
  readonly frame: string
  /** What `/` separates, as sent; the first behind `//` is the authority. */
  readonly segments: readonly string[]
  /** The same, decoded. */
  readonly decoded: readonly string[]
}

const MOST_CHARACTERS = 2_048
/** What RFC 3986 lets stand in a URI: visible ASCII without `"<>\^` and the braces of a template. */
const CHARACTERS = /^[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+$/
const PARTS = /^([a-z][a-z0-9+.-]*:(?:\/\/)?)([^?#]*)(.*)$/
/** Hexadecimal digits in capitals are the canonical ones (RFC 3986, section 6.2.2.1). */
const BAD_PERCENT = /%(?![0-9A-F]{2})/
/**
 * Encoded letters, digits and `-._~`, which need no encoding; `#`, `%`, `/`, `;`, `?`, `\` and braces, which a reader
 * that decodes first takes for delimiters; control bytes.
 */
const TREACHEROUS_PERCENT = /%(?:[01].|2[35DEF]|3[0-9BF]|[46][1-9A-F]|[57][0-9A]|5[CF]|7[BDEF])/
/** Parameters to some readers; and brackets, which belong to addresses. */
const TREACHEROUS = /[;[\]]/
/** Credentials, or a port, to a reader that decodes first. */
const TREACHEROUS_AUTHORITY = /@|%40|%3A/
const DRIVE = /^[A-Za-z]:/
const DRIVE_ALONE = /^[A-Za-z]:$/
/** Their URLs have a path, so a URL parser adds the slash of the root. */
const HAS_ROOT = /^(?:https?|wss?|ftp|file):/

/** @returns or an objection, in words that follow "its URI" */
export function readResourceUri(text: string): ResourceUri | { readonly objection: string } {
  const refuse = (objection: string) => ({ objection })
  if (text.length > MOST_CHARACTERS) return refuse("is too long")
  if (!CHARACTERS.test(text)) return refuse("has a character that is no part of a URI")
  const [, scheme, body, suffix] = PARTS.exec(text) ?? []
  if (scheme === undefined || body === undefined || suffix === undefined) {
    return refuse("does not begin with a scheme in small letters")
  }
  if (BAD_PERCENT.test(text)) return refuse("has a percent sign that encodes nothing, or not in capitals")
  if (TREACHEROUS_PERCENT.test(body)) return refuse("encodes a delimiter, a control byte, or what needs no encoding")
  if (TREACHEROUS.test(body)) return refuse("has parameters or brackets in its path")
  const hasAuthority = scheme.endsWith("//")
  const segments = body.split("/")
  if (hasAuthority && TREACHEROUS_AUTHORITY.test(segments[0] ?? "")) return refuse("has credentials in its authority")
  if (segments.some((segment) => segment === "." || segment === "..")) return refuse("has a dot segment")
  const isRoot = HAS_ROOT.test(scheme) && segments.length === 2
  const isEmpty = (segment: string, index: number): boolean =>
    segment === "" && !(hasAuthority && ((index === 0 && segments.length > 1) || (index === 1 && isRoot)))
  if (segments.some(isEmpty)) return refuse("has an empty segment")
  // A parser resolves, lowers, or leaves out what its scheme lets it: what it leaves as it is reads the same everywhere.
  if (URL.parse(text)?.href !== text) return refuse("is not in the form that URL parsers give it")
  const decoded = segments.map(decode)
  const isFile = scheme.startsWith("file:")
  // What stands before a drive of Windows in a path counts for nothing to some readers (Python's `os.path.join` and
  // `url2pathname`), and what stands behind a colon is another stream of the same file.
  const hasColon = decoded.some((segment, index) => {
    if (segment === null || (hasAuthority && index === 0)) return false
    if (isFile && index === 1 && DRIVE_ALONE.test(segments[index] ?? "")) return false
    return isFile ? segment.includes(":") : DRIVE.test(segment)
  })
  if (hasColon) return refuse("has a drive or a colon where some file systems find another file")
  return decoded.every((segment) => segment !== null)
    ? { frame: scheme + suffix, segments, decoded }
    : refuse("encodes what is not UTF-8 in normal form")
}

/** File systems read the other normal forms of Unicode as this one. */
function decode(segment: string): string | null {
  if (!segment.includes("%")) return segment
  try {
    const text = decodeURIComponent(segment)
    return text === text.normalize("NFC") ? text : null
  } catch {
    return null
  }
}
