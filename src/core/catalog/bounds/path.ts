/**
 * `path`: a path of a file system, in a directory. Only what file systems and programs read alike counts: nothing that
 * one of them decodes, folds, drops or resolves in its own way (RFC 3986, sections 5.2.4 and 6.2.2, for paths of URLs;
 * CWE-22 and CWE-180 for what became of it).
 */
import * as z from "zod"
import { foldCase } from "../../encoding/name-folding.ts"
import { anyOf, eachCovered, LONGEST_ITEM, MOST_ITEMS, outside, unclear, type BoundKind, type Miss } from "./kind.ts"

type Directories = readonly string[]

/** PATH_MAX of Linux. */
const LONGEST = 4_096
/** Of each segment, as a directory of a bound is written; `/` alone is the root. */
const DIRECTORY = /^\/$|^\/?[^/]+(?:\/[^/]+)*$/
/** All of it ASCII that is seen, and nothing that is decoded or a delimiter for some. */
const PLAIN = /^[\x20-\x24\x26-\x5b\x5d-\x7e]+$/

/**
 * What some reader takes for a slash, a backslash, a dot or a percent sign: U+2215, a yen sign (Shift JIS), a small reverse
 * solidus, and all that normal form KC makes one of (`\u{fe30}` becomes `..`).
 */
const LIKE_DELIMITER =
  /[\u00a5\u20a9\u2024-\u2026\u2044\u2100\u2101\u2105\u2106\u2215\u2216\u2488-\u249b\u29f5\u29f8\u29f9\u33c2\u33c7\u33d8\ufe19\ufe30\ufe52\ufe68\ufe6a\uff05\uff0e\uff0f\uff3c\u{1f100}]/u
/** Controls, and what some file systems leave out of a name (CVE-2014-9390). */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/u
/** A normal form costs the square of the marks in a row (UAX #15, section 13, has 30 in no text). */
const MANY_MARKS = /\p{M}{9}/u

/** Null if it is plain. */
function ambiguityOf(path: string): string | null {
  if (path === "" || path.length > LONGEST) return "it is empty or too long"
  if (path.split("/").includes("..")) return "it has a `..` segment"
  if (path.startsWith("//")) return "it begins with two slashes"
  // Windows drops them: `.. ` is `..` there.
  if (segmentsOf(path).some((segment) => /[. ]$/.test(segment))) return "a segment of it ends with a dot or a blank"
  // What follows a semicolon is a parameter for Tomcat and others, which then take `..;` for `..`.
  if (segmentsOf(path).some((segment) => /^\.{1,2};/.test(segment))) return "a segment of it is dots and a parameter"
  if (PLAIN.test(path)) return null
  if (path.includes("\\")) return "it has a backslash"
  if (path.includes("%")) return "it has a percent sign"
  if (UNSEEN.test(path)) return "it has a character that cannot be seen"
  if (LIKE_DELIMITER.test(path)) return "it has a character that some readers take for a slash, a dot or a percent sign"
  return MANY_MARKS.test(path) || path.normalize("NFC") !== path ? "it is not in normal form C" : null
}

/** Without empty segments, and those that mean the directory itself. */
const segmentsOf = (path: string): readonly string[] =>
  path.split("/").filter((segment) => segment !== "" && segment !== ".")

/** A path in normal form, with a slash at the end: `/srv/reports/`. */
function normal(path: string): string {
  const segments = segmentsOf(path)
  const root = path.startsWith("/") ? "/" : ""
  return segments.length === 0 ? root || "./" : `${root}${segments.join("/")}/`
}

const isIn = (path: string, directory: string): boolean => normal(path).startsWith(normal(directory))

function judge(directories: Directories, value: unknown): Miss | null {
  if (typeof value !== "string") return unclear("it is no text")
  const ambiguity = ambiguityOf(value)
  if (ambiguity !== null) return unclear(ambiguity)
  if (directories.some((each) => isIn(value, each))) return null
  // On a file system that does not regard the case of letters it is in the directory.
  const folded = foldCase(value)
  if (directories.some((each) => isIn(folded, foldCase(each)))) return unclear("the case of its letters is another")
  return outside("it is outside")
}

export const path: BoundKind<Directories> = {
  definition: z
    .array(
      z
        .string()
        .max(LONGEST_ITEM)
        .refine((text) => DIRECTORY.test(text) && ambiguityOf(text) === null && !segmentsHaveDot(text), {
          error: "not a directory",
          params: { fix: "Write `/srv/reports` or `reports`: no `.` or `..`, no slash at the end, nothing encoded." },
        }),
    )
    .min(1)
    .max(MOST_ITEMS)
    .readonly()
    .describe("The argument is one of these directories or a path below one, or a list of such paths."),
  judgesWhole: false,
  isOfObjects: () => false,
  judge,
  // A directory that a program requests may be a whole sentence.
  words: (directories) => `is a path in ${anyOf(directories)}`,
  contradiction: () => null,
  implies: (one, other) => eachCovered(one, other, (wide, narrow) => isIn(narrow, wide)),
}

const segmentsHaveDot = (text: string): boolean => text.split("/").includes(".")
