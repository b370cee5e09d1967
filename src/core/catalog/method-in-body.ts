/**
 * Whether a body that is not read as arguments asks for another method (method-override.ts), as a form, in parts or as
 * JSON. Frameworks differ in what they take for each, so a body is searched as all that any of them takes it for.
 */
import type { Denial } from "../denials/denial.ts"
import { endOfString } from "../encoding/json.ts"
import { asksForMethod, isMethod, METHOD_IN_ARGUMENT, METHOD_MAY_BE_IN_BODY } from "./method-override.ts"
import type { CallRequest } from "./call-request.ts"

/** As loosely as any upstream reads, also where the call names no tool. */
export function mayAskForOtherMethod(call: Pick<CallRequest, "method" | "target" | "body" | "headers">): boolean {
  const [, query = ""] = call.target.split(/\?(.*)/s, 2)
  return isInForm(query, call.method) || methodInBody(call) !== null
}

export function methodInBody({
  method,
  body,
  headers,
}: Pick<CallRequest, "method" | "body" | "headers">): Denial | null {
  if (body.kind === "withheld" || body.text === "") return null
  const type = headers.contentType?.toLowerCase() ?? ""
  // Rack takes a POST without a type for a form.
  const isForm = UNTYPED.test(type) || type.includes("form-urlencoded")
  const isMultipart = type.includes("multipart/")
  // Laravel looks for `/json` and `+json` anywhere in the type, Rails knows `text/x-json` and `application/jsonrequest`.
  const isJson = type.includes("json")
  if ((isForm || isMultipart || isJson) && !isReadableCharset(type)) return METHOD_MAY_BE_IN_BODY
  if (isForm && isInForm(body.text, method)) return METHOD_IN_ARGUMENT
  // Parse Server takes a text of any type for JSON.
  if ((isJson || OBJECT.test(body.text)) && isInJson(body.text, method)) return METHOD_IN_ARGUMENT
  return isMultipart ? methodInParts(body.text) : null
}

/** PHP ends a type at a semicolon, a comma or a blank. */
const UNTYPED = /^(?:$|[;, ])/
const OBJECT = /^\s*\{/

/** All that write the letters of ASCII as ASCII does; UTF-16 and UTF-7 hide a name, and ASP.NET Core reads them. */
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

/** @param type of which each charset counts: of several, readers take the first or the last */
function isReadableCharset(type: string): boolean {
  return [...type.matchAll(CHARSET)].every(([, charset = ""]) => READABLE_CHARSETS.has(charset))
}

/** A body of more fields is longer than any form that a person fills in, and is not searched: it may hold one. */
const MOST_FIELDS = 2_000

/** Rack before 3 separates fields by `;` too. */
function isInForm(text: string, method: string): boolean {
  const fields = text.split(/[&;]/, MOST_FIELDS + 1)
  if (fields.length > MOST_FIELDS) return true
  return fields.some((field) => {
    const equals = field.indexOf("=")
    const name = equals < 0 ? field : field.slice(0, equals)
    if (!isMethodName(decoded(name.replace(SKIPPED, "$1").slice(0, MOST_ENCODED)))) return false
    return !isMethod(decoded(equals < 0 ? "" : field.slice(equals + 1, equals + MOST_ENCODED)), method)
  })
}

/** What readers skip before a name, encoded or not, any number of times; all but the last. */
const SKIPPED = /^(?:([^\w%-]|%(?:[01][\da-f]|2[\da-cef]|3[a-f]|40|5[b-e]|60|7[b-f])))+/i
const MOST_NAME = 64
/** Of which each character may be three. */
const MOST_ENCODED = 3 * MOST_NAME

/** PHP, Ruby and ASP.NET decode what can be decoded and leave the rest; ASP.NET reads `%u005f` as well. */
function decoded(text: string): string {
  const spaced = text.replaceAll("+", " ")
  if (!spaced.includes("%")) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced.replaceAll(/%(?:u([0-9a-f]{4})|([0-9a-f]{2}))/gi, (_all, unit: string | undefined, byte: string) =>
      String.fromCharCode(Number.parseInt(unit ?? byte, 16)),
    )
  }
}

/** Readers also end a name at a NUL or a bracket, so that it may be long. */
function isMethodName(name: string): boolean {
  if (!HINT.test(name)) return false
  return asksForMethod(name.length <= MOST_NAME ? name : name.replace(SKIPPED, "$1").slice(0, MOST_NAME))
}
/** Every name that may be read as one of them has it; to normalize each name of a body would take long. */
// oxlint-disable-next-line no-control-regex -- what is no ASCII
const HINT = /m[_-]*e[_-]*t[_-]*h[_-]*o[_-]*d|[^\x00-\x7f]/i

/** Rack names a part that has no name by its `Content-ID`. */
const NAMING_HEADER = /content-(disposition|id)\s*:/gi
/** Not of `filename`. */
const NAME_PARAMETER = /(?<![\w-])name\s*(\*[\s\d*]*)?=\s*/gi
/** A line that begins with a blank or a tab continues the one before it. */
const END_OF_HEADER = /\n(?![ \t])/g
/** More than any field's name has. */
const MOST_PARAMETER = 512

/** @param text of which parts may be binary, and what stands there may look like a header */
function methodInParts(text: string): Denial | null {
  let names = 0
  for (let header = findFrom(NAMING_HEADER, text, 0); header;) {
    const end = findFrom(END_OF_HEADER, text, header.end)?.end ?? text.length
    const line = text.slice(header.end, end)
    if (header.word?.toLowerCase() === "id") {
      if (++names > MOST_FIELDS || isMethodName(line.trim())) return METHOD_IN_ARGUMENT
    }
    for (const { 0: parameter, 1: extension, index } of line.matchAll(NAME_PARAMETER)) {
      // RFC 2231: Go joins `name*0="_me"; name*1="thod"`, busboy decodes `name*=utf-16''…`. No browser sends either.
      if (++names > MOST_FIELDS || extension !== undefined) return METHOD_MAY_BE_IN_BODY
      const denial = methodInParameter(line.slice(index + parameter.length))
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

/** @param rest of the header, from the name on */
function methodInParameter(rest: string): Denial | null {
  const text = rest.slice(0, MOST_PARAMETER)
  for (const value of valuesIn(text)) {
    // Tomcat and Commons FileUpload decode encoded words (RFC 2047).
    if (value.length >= MOST_PARAMETER - 1 || value.includes("=?")) return METHOD_MAY_BE_IN_BODY
    const unescaped = value.replaceAll("\\", "")
    if ([value, unescaped, decoded(unescaped)].some(isMethodName)) return METHOD_IN_ARGUMENT
  }
  return null
}

/** By each closing quote that some reader takes for one: PHP reads `'` as a quote, and some take a backslash for itself. */
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

/** Of the members of an object that is in no other; the text may hold several, or be no JSON at all. */
function isInJson(text: string, method: string): boolean {
  let depth = 0
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
        const end = endOfString(text, index)
        COLON.lastIndex = end
        if (depth <= 1 && COLON.test(text) && isMethodName(keyOf(text.slice(index, end)))) {
          TEXT.lastIndex = COLON.lastIndex
          if (!isMethod(TEXT.exec(text)?.[1], method)) return true
        }
        index = end - 1
        break
      }
      default:
    }
  }
  return false
}

function keyOf(json: string): string {
  if (!json.includes("\\")) return json.slice(1, -1)
  try {
    return String(JSON.parse(json))
  } catch {
    return json.slice(1, -1)
  }
}
