/** Reads the text of an OpenAPI document: the tools that it offers, or what is wrong with it. */
import { isObject } from "../../../src/core/encoding/json.ts"
import { parseYaml } from "../../compiler/source/source.ts"
import { toolsOf } from "./operations.ts"
import type { Refusal, Read, Members } from "./types.ts"

export interface ReadRequest {
  readonly file: string
  readonly text: string
  readonly prefix: string
  readonly origin: string
  readonly basePath?: string
}

export function readDocument(request: ReadRequest): Read {
  const parsed = parse(request)
  if ("message" in parsed) return parsed
  const { document } = parsed
  const version = versionOf(request.file, document)
  if (typeof version !== "string") return version
  const base = request.basePath ?? basePathOf(document)
  if (base === null) {
    return {
      message: `${request.file}: the path of \`servers[0].url\` cannot be read`,
      fix: "State by `--base-path` what precedes the paths of the operations, as clients call them.",
    }
  }
  const { file, prefix, origin } = request
  return toolsOf({ document, file, version, prefix, origin, base })
}

function parse({ file, text }: ReadRequest): { document: Members } | Refusal {
  const read = parseAny(file, text)
  if ("message" in read) return read
  if (isObject(read.value)) return { document: read.value }
  return { message: `${file} holds no map of keys and values`, fix: "Name an OpenAPI document in JSON or YAML." }
}

function parseAny(file: string, text: string): { value: unknown } | Refusal {
  if (/^\uFEFF?\s*\{/u.test(text)) {
    try {
      return { value: JSON.parse(text.replace(/^\uFEFF/u, "")) }
    } catch {
      // A YAML document may begin so, too; its parser says where a fault is.
    }
  }
  try {
    const { source, problems } = parseYaml(file, text)
    const [problem] = problems
    if (!problem) return { value: source.value }
    if (problem.message.includes("call stack")) throw new RangeError(problem.message)
    return { message: `${file}:${problem.line}:${problem.column}: ${problem.message}`, fix: problem.fix }
  } catch (thrown) {
    // The parser is recursive, so deep nesting would overflow the stack.
    if (!(thrown instanceof RangeError)) throw thrown
    return { message: `${file} is nested too deeply`, fix: "Check that it is an OpenAPI document." }
  }
}

/** `OpenAPI 3.1.0`. */
function versionOf(file: string, { swagger, openapi }: Members): string | Refusal {
  if (swagger !== undefined) {
    return {
      message: `${file} is of Swagger (OpenAPI) 2.0, which is not read`,
      fix: "Convert it to OpenAPI 3.0 or 3.1; its own maintainers' converters do.",
    }
  }
  if (typeof openapi === "string" && /^3\.[01](?:\.\d{1,3})?$/u.test(openapi)) return `OpenAPI ${openapi}`
  if (openapi === undefined) {
    return { message: `${file} is no OpenAPI document: it has no \`openapi\``, fix: "Name an OpenAPI document." }
  }
  const written = typeof openapi === "string" ? openapi.slice(0, 40) : JSON.stringify(openapi)?.slice(0, 40)
  return {
    message: `${file} is of OpenAPI \`${written}\`; 3.0 and 3.1 are read`,
    fix: 'Write the version of its features, in quotes: `openapi: "3.1.0"`.',
  }
}

/**
 * The path of `servers[0].url` without a slash at its end; a relative URL has one, too. Null if there is none that can
 * be read.
 */
function basePathOf({ servers }: Members): string | null {
  const first: unknown = Array.isArray(servers) ? servers[0] : undefined
  if (first === undefined) return ""
  if (!isObject(first) || typeof first["url"] !== "string") return null
  const variables = isObject(first["variables"]) ? first["variables"] : {}
  let isWhole = true
  const url = first["url"].replaceAll(/\{([^{}]*)\}/gu, (_whole, name: string) => {
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined
    if (isObject(variable) && typeof variable["default"] === "string") return variable["default"]
    isWhole = false
    return ""
  })
  const parsed = isWhole ? URL.parse(url, "https://relative.invalid/") : null
  return parsed ? parsed.pathname.replace(/\/+$/u, "") : null
}
