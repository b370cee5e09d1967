/**
 * Reads JSON unambiguously. The platform's parser keeps the last of two equal keys and rounds long integers; the
 * upstream's may keep the first, and may not round. So this reader rejects what I-JSON excludes: a duplicate key in an
 * object, an integer beyond 2^53 - 1, a number beyond a double. Source: RFC 8259, sections 4 and 6; RFC 7493, sections
 * 2.2 and 2.3.
 */
import { scanJson, type ScanObjection, type ScanRules } from "./json-scan.ts"
import { foldName } from "./name-folding.ts"

/** Members of objects and elements of arrays: each costs a microsecond or more to evaluate, hash and record. */
export const MAX_PARTS = 5_000
const MAX_KEY_LENGTH = 1_024
const MAX_KEYS_TEXT = 65_536
const MAX_ESCAPES = 131_072
const MAX_NUMBER_LENGTH = 128

const STRICT: ScanRules = {
  // Deeper than any tool's arguments need.
  mostDepth: 64,
  // Rules and records build a value anew on each level of nesting, so its text costs as often as it is deep.
  mostNestedText: 4_194_304,
  // A key is folded, which costs several times as much as reading it.
  mostKeyLength: MAX_KEY_LENGTH,
  mostKeysText: MAX_KEYS_TEXT,
  // Wherever the text is passed on, each escape is written and read again: it costs ten times as much as another
  // character.
  mostEscapes: MAX_ESCAPES,
  // More digits than any amount has; each place that reads more would pay for them.
  mostNumberLength: MAX_NUMBER_LENGTH,
  nameOf: foldName,
  isStrict: true,
  numbers: "exact",
}
const CALL: ScanRules = { ...STRICT, numbers: "noted" }
/** What a server lists is neither judged nor recorded: the length of its text alone bounds what it costs. */
const LIST: ScanRules = { ...STRICT, mostKeysText: Infinity, mostNestedText: Infinity }
const LOOSE: ScanRules = {
  ...STRICT,
  mostNumberLength: Infinity,
  nameOf: null,
  isStrict: false,
  numbers: "measured",
}

/** The denial of a call with such a number. */
export const INEXACT = { reason: "body_rejected", what: "it has a number that is not exact as a double" } as const

const OBJECTIONS: Readonly<Record<ScanObjection, (mostParts: number) => string>> = {
  not_json: () => "it is not JSON",
  key_twice: () => "it has a key twice, or two that some readers take for one",
  forbidden_key: () => "it has a key that no object may have",
  half_character: () => "it has half a character",
  inexact_number: () => INEXACT.what,
  depth: () => "it nests too deep",
  parts: (most) => `it has more than ${most} members and elements`,
  nested_text: () => "it nests too much text too deep",
  key_length: () => `it has a key of more than ${MAX_KEY_LENGTH} characters`,
  keys_text: () => `its keys have more than ${MAX_KEYS_TEXT} characters in all`,
  escapes: () => `its strings have more than ${MAX_ESCAPES} escapes in all`,
  number_length: () => `it has a number of more than ${MAX_NUMBER_LENGTH} characters`,
}

type Read<Json> = Json | { readonly objection: string }

export function readJson(text: string, mostParts: number = MAX_PARTS): Read<{ readonly json: unknown }> {
  const read = readBy(text, mostParts, STRICT)
  return "objection" in read ? read : { json: read.json }
}

/** As `readJson`, for a text of at most a mebibyte that no rule reads: only its members and elements are counted. */
export function readListJson(text: string, mostParts: number): Read<{ readonly json: unknown }> {
  const read = readBy(text, mostParts, LIST)
  return "objection" in read ? read : { json: read.json }
}

/** As `readJson`, but a number that is not exact as a double is reported only, unless it is beyond any double. */
export function readCallJson(text: string): Read<{ readonly json: unknown; readonly isExact: boolean }> {
  return readBy(text, MAX_PARTS, CALL)
}

function readBy(
  text: string,
  mostParts: number,
  rules: ScanRules,
): Read<{ readonly json: unknown; readonly isExact: boolean }> {
  const scanned = scanJson(text, mostParts, rules)
  if (typeof scanned === "string") return { objection: OBJECTIONS[scanned](mostParts) }
  try {
    return { json: JSON.parse(text), isExact: scanned.isExact }
  } catch {
    return { objection: OBJECTIONS.not_json(mostParts) }
  }
}

/** As the platform's parser reads it, whatever others may read. Undefined if it is no JSON, or too large. */
export function readLoosely(text: string): unknown {
  if (typeof scanJson(text, MAX_PARTS, LOOSE) === "string") return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Symfony and Perl's HTTP::Body read `application/x-www-form-urlencoded+json` as a form. */
const JSON_TYPE = /^(?!.*urlencoded)application\/(?:[a-z0-9.+-]+\+)?json(?: *; *charset="?utf-8"?)?$/i

/** One media type, JSON in UTF-8: with two, or another encoding, a reader may choose differently than we do. */
export function isJsonType(contentType: string | null): boolean {
  return contentType !== null && JSON_TYPE.test(contentType)
}

export function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json)
}

/** So that nobody recurses deeper: `JSON.parse` itself takes any depth. */
export function nestsDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => nestsDeeperThan(inner, levels - 1))
}
