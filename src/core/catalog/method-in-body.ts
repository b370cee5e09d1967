/**
 * Finds out whether a body that is not read as arguments asks for another method (method-override.ts), as a form, as
 * multipart or as JSON. Frameworks differ in what they take for each, so a body is searched as everything that any of
 * them takes it for.
 */
import type { Denial } from "../denials/denial.ts"
import {
  asksForMethod,
  isMethod,
  mayAskForMethod,
  METHOD_IN_ARGUMENT,
  METHOD_MAY_BE_IN_BODY,
} from "./method-override.ts"
import type { CallRequest } from "./call-request.ts"

/** Reads as loosely as any upstream, also if the call names no tool. */
export function mayAskForOtherMethod(call: Pick<CallRequest, "method" | "target" | "body" | "headers">): boolean {
  const [, query = ""] = call.target.split(/\?(.*)/s, 2)
  return methodInForm(query, call.method) !== null || methodInBody(call) !== null
}

export function methodInBody({
  method,
  body,
  headers,
}: Pick<CallRequest, "method" | "body" | "headers">): Denial | null {
  if (body.kind === "withheld" || body.text === "") return null
  const type = headers.contentType?.toLowerCase() ?? ""
  // Rack takes a POST without a Content-Type for a form.
  const isForm = UNTYPED.test(type) || type.includes("form-urlencoded")
  const isMultipart = type.includes("multipart/")
  // Laravel looks for `/json` and `+json` anywhere in the type; Rails knows `text/x-json` and
  // `application/jsonrequest`.
  const isJson = type.includes("json")
  if ((isForm || isMultipart || isJson) && !isReadableCharset(type)) return METHOD_MAY_BE_IN_BODY
  const inForm = isForm ? methodInForm(body.text, method) : null
  if (inForm) return inForm
  // Parse Server takes a text of any type for JSON.
  const inJson = isJson || OBJECT.test(body.text) ? methodInJson(body.text, method) : null
  return inJson ?? (isMultipart ? methodInParts(body.text) : null)
}

/** PHP ends a type at a semicolon, a comma or a blank. */
const UNTYPED = /^(?:$|[;, ])/
const OBJECT = /^\s*\{/

/**
 * Charsets that encode the letters of ASCII as ASCII does. UTF-16 and UTF-7 can hide a name, and ASP.NET Core reads
 * them.
 */
const READABLE_CHARSETS: ReadonlySet<string> = new Set([
  "utf-8",
  "utf8",
  "us-ascii",
  "ascii",
  "iso-8859-1",
  "latin1",
  "windows-1252",
])
const CHARSET = /charset[^=]*=\s*"?([^";,\s]*)/g
/**
 * The client chooses the length of the type, and the time that `CHARSET` takes grows with its square. No reader needs
 * more.
 */
const MOST_TYPE = 256

/** @param type all of whose charsets count: of several, readers take the first or the last */
function isReadableCharset(type: string): boolean {
  if (type.length > MOST_TYPE) return false
  return [...type.matchAll(CHARSET)].every(([, charset = ""]) => READABLE_CHARSETS.has(charset))
}

/**
 * A body of more fields is longer than any form that a person fills in. It is not searched, and may hold an override.
 * In JSON only the names that take long to read are counted, so that a long list of plain objects is allowed.
 */
const MOST_FIELDS = 2_000

/** Rack before version 3 separates fields by `;` too. */
function methodInForm(text: string, method: string): Denial | null {
  const fields = text.split(/[&;]/, MOST_FIELDS + 1)
  if (fields.length > MOST_FIELDS) return METHOD_MAY_BE_IN_BODY
  const isOther = fields.some((field) => {
    const equals = field.indexOf("=")
    if (!isMethodName(decodedName(equals < 0 ? field : field.slice(0, equals)))) return false
    return !isMethod(decoded(equals < 0 ? "" : field.slice(equals + 1, equals + MOST_ENCODED)), method)
  })
  return isOther ? METHOD_IN_ARGUMENT : null
}

/**
 * Where a name begins: readers skip what precedes it, encoded or not, any number of times. A search, because a repeated
 * group would store each step of a megabyte of blanks.
 */
const NAME_START = /[\w-](?<!%[\da-f]?[\w-])|%(?!(?:[01][\da-f]|2[\da-cef]|3[a-f]|40|5[b-e]|60|7[b-f]))/i
const MOST_NAME = 64
/** Each character of a name may take three characters, or six in a JSON string, which also has quotes. */
const MOST_ENCODED = 3 * MOST_NAME
const MOST_ESCAPED = 2 + 6 * MOST_NAME

/** Returns the name without what readers skip before it, except the last skipped character. */
function trimmed(name: string): string {
  const found = name.search(NAME_START)
  const start = found < 0 ? name.length : found
  return start === 0 ? name : name.slice(start - (name.charAt(start - 3) === "%" ? 3 : 1))
}

function decodedName(name: string): string {
  return decoded(trimmed(name).slice(0, MOST_ENCODED))
}

/**
 * UTF-8 (RFC 3629, section 4) with each byte encoded. Tested first, because an exception costs more than all other work
 * on a name.
 */
const DECODABLE =
  /^(?:[^%]|%[0-7][\da-f]|%(?:c[2-9a-f]|d[\da-f]|(?:e0%[ab]|e[1-9a-cef]%[89ab]|ed%[89]|(?:f0%[9ab]|f[1-3]%[89ab]|f4%8)[\da-f]%[89ab])[\da-f])%[89ab][\da-f])*$/i

/**
 * PHP, Ruby and ASP.NET decode what can be decoded and leave the rest. ASP.NET also reads `%u005f`, as `unescape` does.
 */
function decoded(text: string): string {
  const spaced = text.replaceAll("+", " ")
  if (!spaced.includes("%")) return spaced
  return DECODABLE.test(spaced) ? decodeURIComponent(spaced) : unescape(spaced)
}

/** Readers also end a name at a NUL or a bracket, so a name may be long. */
function isMethodName(name: string): boolean {
  return asksForMethod(name.length <= MOST_NAME ? name : trimmed(name).slice(0, MOST_NAME))
}

/** Rack names a part that has no name by its `Content-ID`. */
const NAMING_HEADER = /content-(disposition|id)\s*:/gi
/** Not of `filename`. */
const NAME_PARAMETER = /(?<![\w-])name\s*(\*[\s\d*]*)?=\s*/gi
/** A line that begins with a blank or a tab continues the line before it. */
const END_OF_HEADER = /\n(?![ \t])/g
/** Longer than the name of any field. */
const MOST_PARAMETER = 512

/** @param text parts of which may be binary, and contain bytes that look like a header */
function methodInParts(text: string): Denial | null {
  let names = 0
  for (let header = findFrom(NAMING_HEADER, text, 0); header;) {
    const end = findFrom(END_OF_HEADER, text, header.end)?.end ?? text.length
    const line = text.slice(header.end, end)
    if (header.word?.toLowerCase() === "id") {
      if (++names > MOST_FIELDS) return METHOD_MAY_BE_IN_BODY
      if (isMethodName(line.trim())) return METHOD_IN_ARGUMENT
    }
    for (const { 0: parameter, 1: extension, index } of line.matchAll(NAME_PARAMETER)) {
      // RFC 2231: Go joins `name*0="_me"; name*1="thod"`, busboy decodes `name*=utf-16''…`. No browser sends either.
      const values = valuesIn(line.slice(index + parameter.length).slice(0, MOST_PARAMETER))
      names += values.length
      if (names > MOST_FIELDS || extension !== undefined) return METHOD_MAY_BE_IN_BODY
      const denial = methodInValues(values)
      if (denial) return denial
    }
    header = findFrom(NAMING_HEADER, text, end)
  }
  return null
}

function findFrom(
  pattern: RegExp,
  text: string,
  start: number,
): { readonly end: number; readonly word?: string } | null {
  pattern.lastIndex = start
  const found = pattern.exec(text)
  return found && { end: pattern.lastIndex, ...(found[1] !== undefined && { word: found[1] }) }
}

function methodInValues(values: readonly string[]): Denial | null {
  for (const value of values) {
    // Tomcat and Commons FileUpload decode encoded words (RFC 2047).
    if (value.length >= MOST_PARAMETER - 1 || value.includes("=?")) return METHOD_MAY_BE_IN_BODY
    const unescaped = value.replaceAll("\\", "")
    const names = new Set([value, unescaped, decodedName(unescaped)])
    if ([...names].some(isMethodName)) return METHOD_IN_ARGUMENT
  }
  return null
}

/**
 * Ends the value at each closing quote that some reader recognizes: PHP reads `'` as a quote, and some readers take a
 * backslash literally.
 */
function valuesIn(text: string): readonly string[] {
  const quote = text.charAt(0)
  if (quote !== '"' && quote !== "'") return [text.split(/[;\s]/, 1)[0] ?? ""]
  const [plain = ""] = text.slice(1).split(quote, 1)
  if (!plain.includes("\\")) return [plain]
  let end = 1
  while (end < text.length && text.charAt(end) !== quote) end += text.charAt(end) === "\\" ? 2 : 1
  return [plain, text.slice(1, end)]
}

const COLON = /\s*:/y
const TEXT = /\s*"(\w*)"/y

/** Searches the members of outermost objects only; the text may hold several, or be no JSON at all. */
function methodInJson(text: string, method: string): Denial | null {
  let [depth, names] = [0, 0]
  for (let index = 0; index < text.length; index++) {
    switch (text.charAt(index)) {
      case "{":
      case "[":
        depth += 1
        break
      case "}":
      case "]":
        depth -= 1
        break
      case '"': {
        const { end, isEscaped, isAscii } = readString(text, index)
        COLON.lastIndex = end
        const isShort = isAscii && !isEscaped && end - index < SHORTEST
        const isMember = depth <= 1 && !isShort && COLON.test(text)
        if (isMember && (isEscaped || mayAskForMethod(text.slice(index, end)))) {
          const json = text.slice(index, end)
          if (++names > MOST_FIELDS || (isEscaped && !isString(json))) return METHOD_MAY_BE_IN_BODY
          TEXT.lastIndex = COLON.lastIndex
          const isName = isMethodName(isEscaped ? String(JSON.parse(json)) : json.slice(1, -1))
          if (isName && !isMethod(TEXT.exec(text)?.[1], method)) return METHOD_IN_ARGUMENT
        }
        index = end - 1
        break
      }
      default:
    }
  }
  return null
}

/** With its quotes, of a name in ASCII that `mayAskForMethod` is true of. */
const SHORTEST = '"method"'.length

interface ReadString {
  /** Index just behind the closing quote, or the text's end if there is none. */
  readonly end: number
  readonly isEscaped: boolean
  readonly isAscii: boolean
}

/** Nothing is cut out: a megabyte may have a string of no character in every three. */
function readString(text: string, start: number): ReadString {
  let [index, isEscaped, isAscii] = [start + 1, false, true]
  for (; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit === QUOTE) return { end: index + 1, isEscaped, isAscii }
    if (unit === BACKSLASH) [index, isEscaped] = [index + 1, true]
    else if (unit >= BEYOND_ASCII) isAscii = false
  }
  return { end: text.length, isEscaped, isAscii }
}
const QUOTE = 0x22
const BACKSLASH = 0x5c
const BEYOND_ASCII = 0x80

/**
 * RFC 8259, section 7: readers make different names of any other escape, and an exception would cost more than all
 * other work.
 */
function isString(json: string): boolean {
  return json.length <= MOST_ESCAPED && STRING.test(json)
}
// oxlint-disable-next-line no-control-regex -- which no string of JSON has
const STRING = /^"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"$/
