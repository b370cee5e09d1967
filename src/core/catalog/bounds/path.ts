/**
 * `path`: a path of a file system, in a directory. Only what file systems and programs read alike counts: nothing that
 * one of them decodes, folds, drops or resolves in its own way (RFC 3986, sections 5.2.4 and 6.2.2, for paths of URLs;
 * CWE-22 and CWE-180 for what became of it).
 */
import * as z from "zod"
import { foldCase } from "../../encoding/name-folding.ts"
import { Work } from "../../encoding/work.ts"
import {
  anyOf,
  eachCovered,
  LONGEST_ITEM,
  MOST_ITEMS,
  outside,
  unclear,
  type BoundKind,
  type CompiledBound,
  type Miss,
} from "./kind.ts"

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

/**
 * What nearly all paths are, found in one pass: each character is plain, and no segment is empty, or begins or ends with a
 * dot or a blank.
 */
const SIMPLE =
  /^\/?[!-$&-\-0-[\]-~](?:[ -$&-.0-[\]-~]*[!-$&-\-0-[\]-~])?(?:\/[!-$&-\-0-[\]-~](?:[ -$&-.0-[\]-~]*[!-$&-\-0-[\]-~])?)*\/?$/

/** Null if it is plain. */
function ambiguityOf(path: string, all: readonly string[], segments: readonly string[]): string | null {
  if (path === "") return "it is empty"
  if (all.includes("..")) return "it has a `..` segment"
  if (path.startsWith("//")) return "it begins with two slashes"
  // Windows drops them: `.. ` is `..` there.
  if (segments.some((segment) => segment.endsWith(".") || segment.endsWith(" ")))
    return "a segment of it ends with a dot or a blank"
  // What follows a semicolon is a parameter for Tomcat and others, which then take `..;` for `..`.
  if (segments.some((segment) => segment.startsWith(".;") || segment.startsWith("..;")))
    return "a segment of it is dots and a parameter"
  if (PLAIN.test(path)) return null
  if (path.includes("\\")) return "it has a backslash"
  if (path.includes("%")) return "it has a percent sign"
  if (UNSEEN.test(path)) return "it has a character that cannot be seen"
  if (LIKE_DELIMITER.test(path)) return "it has a character that some readers take for a slash, a dot or a percent sign"
  return MANY_MARKS.test(path) || path.normalize("NFC") !== path ? "it is not in normal form C" : null
}

/** Returns a path in normal form, with a slash at the end: `/srv/reports/`. */
function normalOf(path: string, work: Work): string | Miss {
  if (path.length > LONGEST) return unclear("it is too long")
  if (SIMPLE.test(path)) return path.endsWith("/") ? path : `${path}/`
  work.take(path.length * UNITS_OF_OTHERS)
  const all = path.split("/")
  // Without empty segments, and those that mean the directory itself.
  const segments = all.filter((segment) => segment !== "" && segment !== ".")
  const ambiguity = ambiguityOf(path, all, segments)
  if (ambiguity !== null) return unclear(ambiguity)
  const root = path.startsWith("/") ? "/" : ""
  return segments.length === 0 ? root || "./" : `${root}${segments.join("/")}/`
}
/** Units for each character of a path that is not simple. */
const UNITS_OF_OTHERS = 3

const read = (value: unknown, work: Work): string | Miss =>
  typeof value === "string" ? normalOf(value, work) : unclear("it is no text")

/** A directory of a bound is in normal form, but for the slash. */
const directoryOf = (directory: string): string => (directory === "/" ? directory : `${directory}/`)

function compile(directories: Directories): CompiledBound<string> {
  const all = directories.map(directoryOf)
  const folded = all.map(foldCase)
  return {
    units: 4 * all.length,
    judge: (path, { work }) => {
      if (all.some((each) => path.startsWith(each))) return null
      // On a file system that does not regard the case of letters it may be in the directory.
      const foldedPath = work.once(foldCase, path, path.length)
      return folded.some((each) => foldedPath.startsWith(each))
        ? unclear("the case of its letters is another")
        : outside("it is outside")
    },
  }
}

export const path: BoundKind<Directories, string> = {
  definition: z
    .array(
      z
        .string()
        .max(LONGEST_ITEM)
        .refine((text) => DIRECTORY.test(text) && normalOf(text, new Work()) === directoryOf(text), {
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
  read,
  units: (characters) => 30 + Math.min(characters, LONGEST),
  compile,
  // A directory that a program requests may be a whole sentence.
  words: (directories) => `is a path in ${anyOf(directories)}`,
  contradiction: () => null,
  implies: (one, other) => eachCovered(one, other, (wide, narrow) => directoryOf(narrow).startsWith(directoryOf(wide))),
}
