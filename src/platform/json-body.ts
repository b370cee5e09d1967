/** Reads the JSON body of a request to us, unambiguously, and checks it against its schema. */
import type { z } from "zod"
import { parseJson } from "../core/catalog/json-body.ts"
import { boundedText } from "./request-body.ts"
import { isDenied } from "../core/denials/denial.ts"
import { asciiText } from "../core/encoding/display-text.ts"

/** What is wrong with a body, in one sentence for its sender. */
export interface BodyError {
  readonly wrong: string
}

export function isBodyError(read: object): read is BodyError {
  return "wrong" in read
}

/**
 * Too long, not JSON that reads in one way, or not of the schema. No schema has a member `wrong`.
 * @param isOptional an empty body is read as an object without members
 */
export async function readBody<Output extends object>(
  request: Request,
  schema: z.ZodType<Output>,
  maxBytes: number,
  isOptional = false,
): Promise<Output | BodyError> {
  const text = await boundedText(request, maxBytes)
  if (text === null) {
    return { wrong: `The body is longer than ${maxBytes.toLocaleString("en")} bytes, is not UTF-8, or came too late.` }
  }
  const parsed = isOptional && text === "" ? { json: {} } : parseJson(text)
  if (isDenied(parsed)) {
    const { denied } = parsed
    return { wrong: `The body was not accepted: ${"what" in denied ? denied.what : denied.reason}.` }
  }
  const body = schema.safeParse(parsed.json)
  return body.success ? body.data : { wrong: faultIn(body.error, "The body") }
}

/**
 * In one sentence. A schema's own is repeated as it is; otherwise the sentence names the member, and what it should be.
 * @param whole `The body`
 */
export function faultIn({ issues: [issue] }: z.ZodError, whole: string): string {
  if (!issue) return `${whole} is not what was expected.`
  if (/^[A-Z`].*\.$/su.test(issue.message)) return issue.message
  const path = asciiText(issue.path.map(String).join("."))
  const where = path === "" ? whole : `\`${path}\``
  if (issue.code === "unrecognized_keys") return `${where} takes no \`${asciiText(issue.keys[0] ?? "")}\`.`
  return `${where} was not accepted: ${asciiText(issue.message)}.`
}
