/**
 * Which formats of bundles this version reads: its own, and that of the release before, if the two differ. So an upgrade
 * finds the bundle that is live readable, and policies are published anew whenever it suits. Any other format is refused:
 * what would be misread must not decide.
 */
import { FORMAT } from "./bundle.ts"
import { FORMAT_17 } from "./format-17.ts"

export interface EarlierFormat {
  readonly format: number
  /** The text of a bundle of that format → the text that this version's build would have made of the same policies. */
  readonly toCurrent: (text: string) => string
}

/** A file beside this one, once a release has another format than the one before. Null: no release had another. */
const EARLIER: EarlierFormat | null = FORMAT_17

export interface ReadableBundle {
  /** In the format of this version. */
  readonly text: string
  /** Index of the end of its first line. */
  readonly end: number
  /** The first line. Its format guards its shape. */
  readonly head: unknown
}

/** Throws on a bundle of a format that this version does not read. */
export function readBundle(published: string, earlier: EarlierFormat | null = EARLIER): ReadableBundle {
  const bundle = firstLineOf(published)
  const { format } = bundle.head
  if (format === FORMAT) return bundle
  // What the step makes is no further step's.
  if (earlier && format === earlier.format) return readBundle(earlier.toCurrent(published), null)
  const readable = [FORMAT, ...(earlier ? [earlier.format] : [])].join(" and ")
  const isNewer = typeof format === "number" && format > FORMAT
  const fix = isNewer
    ? "deploy the version that it was built with, or build it with the one that is deployed"
    : "build it again with this version"
  throw new Error(`the bundle has format ${String(format)}, and this version reads ${readable}: ${fix}`)
}

/** Every format has its number in the first line, which is the whole text of some. */
function firstLineOf(text: string): ReadableBundle & { readonly head: { readonly format?: unknown } } {
  const at = text.indexOf("\n")
  const end = at < 0 ? text.length : at
  return { text, end, head: JSON.parse(text.slice(0, end)) }
}
