/** The context that the official SDKs give to a handler, 1.x and 2.x. */
import { isObject } from "../src/core/encoding/json.ts"
import type { ReadHeader } from "./caller.ts"
import { headerReader, type Credential } from "./decisions.ts"

/** SDK 1.x: `extra.requestInfo.headers` and `extra.authInfo`; 2.x: `context.http.req.headers` and `context.http.authInfo`. */
export function credentialOf(context: unknown): Credential {
  const extra = member(context)
  const http = member(extra["http"])
  const header = readerOf(member(http["req"])["headers"] ?? member(extra["requestInfo"])["headers"])
  const authorization = header("Authorization")
  if (authorization !== null) return { authorization, dpop: header("DPoP") }
  const { token } = member(http["authInfo"] ?? extra["authInfo"])
  return { authorization: typeof token === "string" ? `Bearer ${token}` : null, dpop: null }
}

const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"

/**
 * Whether the client says with its call that it can show its user a page, and has not answered this question already: it
 * would ask its user again at once.
 */
export function canShowPage(context: unknown, question: string): boolean {
  const { envelope, inputResponses, droppedInputResponseKeys: dropped } = member(member(context)["mcpReq"])
  const { elicitation } = member(member(envelope)[CAPABILITIES])
  // The SDK drops an answer that has no valid form.
  const isAnswered =
    member(inputResponses)[question] !== undefined || (Array.isArray(dropped) && dropped.includes(question))
  return isObject(member(elicitation)["url"]) && !isAnswered
}

function readerOf(headers: unknown): ReadHeader {
  if (typeof Headers === "function" && headers instanceof Headers) return (name) => headers.get(name)
  return headerReader(member(headers))
}

const member = (value: unknown): Readonly<Record<string, unknown>> => (isObject(value) ? value : {})
