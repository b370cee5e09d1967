/** Middleware for Express 4 and 5, and whatever else has their `(request, response, next)`. */
import { bodyOf, joined, MAX_BODY_BYTES, NO_BODY } from "./body.ts"
import { rememberCaller } from "./callers.ts"
import { CallRejectedError, rejectionAnswer } from "./errors.ts"
import { gatekeeper } from "./gatekeeper.ts"
import type { ServiceOptions } from "./service-options.ts"
import type { Body } from "../src/core/catalog/call-request.ts"
import { isJsonType } from "../src/core/encoding/json.ts"

/** What is used of a request of Node's server, as Express passes it on. */
export interface ExpressRequest {
  readonly method?: string | undefined
  readonly originalUrl: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly readableDidRead?: boolean
  readonly httpVersionMajor?: number
  /** Of HTTP/2. */
  readonly stream?: { readonly endAfterHeaders?: boolean }
  /** What a parser has read. */
  body?: unknown
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown
  on(event: "end" | "close", listener: () => void): unknown
  on(event: "error", listener: (error: Error) => void): unknown
  pause(): unknown
}

export interface ExpressResponse {
  status(status: number): unknown
  set(headers: Record<string, string>): unknown
  json(body: unknown): unknown
}

export type ExpressHandler = (
  request: ExpressRequest,
  response: ExpressResponse,
  next: (error?: unknown) => void,
) => Promise<void>

/**
 * Passes on allowed calls of the service's tools, and no other request; `callerOf(request)` returns the caller. A JSON body
 * is in `request.body` from here on, as after `express.json()`, which may stand before it or after it; every other body is
 * left alone. What is to be public is registered before it.
 */
export function expressMiddleware(options: ServiceOptions): ExpressHandler {
  const check = gatekeeper(options)
  return async (request, response, next) => {
    const header = (name: string): string | null => {
      const value = request.headers[name.toLowerCase()]
      return value === undefined ? null : typeof value === "string" ? value : value.join(", ")
    }
    try {
      const body = async (): Promise<Body | null> => readBody(request, header)
      rememberCaller(request, await check({ method: request.method ?? "", target: request.originalUrl, header, body }))
    } catch (error) {
      if (!(error instanceof CallRejectedError)) return next(error)
      const { status, headers, body } = rejectionAnswer(error)
      // The rest of the body is not read, so the connection cannot serve another request.
      response.set(error.code === "body_too_long" ? { ...headers, Connection: "close" } : headers)
      response.status(status)
      response.json(body)
      return undefined
    }
    return next()
  }
}

async function readBody(request: ExpressRequest, header: (name: string) => string | null): Promise<Body | null> {
  if (isBodiless(request, header)) return NO_BODY
  // A body of another type has no arguments that Narrowgate reads, so it stays whole for the handler.
  if (!isJsonType(header("Content-Type"))) return { kind: "withheld" }
  if (request.readableDidRead === true) return parsedBody(request.body)
  const bytes = await boundedBytes(request)
  const body = bytes && bodyOf(bytes)
  if (body?.kind === "whole") keepParsed(request, body.text)
  return body
}

/** Only in HTTP/1 does a header have to announce a body. */
function isBodiless({ httpVersionMajor, stream }: ExpressRequest, header: (name: string) => string | null): boolean {
  if (httpVersionMajor !== 1) return stream?.endAfterHeaders === true
  return header("Transfer-Encoding") === null && Number(header("Content-Length") ?? 0) === 0
}

/** What the handler will read, whichever parser has read it: that has to be the call that was allowed. */
function parsedBody(parsed: unknown): Body {
  if (parsed instanceof Uint8Array) return bodyOf(parsed)
  if (parsed === undefined)
    throw new CallRejectedError("malformed_call", "its body was read before, and is not in `request.body`")
  return { kind: "whole", text: typeof parsed === "string" ? parsed : JSON.stringify(parsed) }
}

/** A body that is no JSON is rejected later. `_body` is the sign for the parsers of Express that nothing is left to read. */
function keepParsed(request: ExpressRequest, text: string): void {
  try {
    Object.assign(request, { body: JSON.parse(text), _body: true })
  } catch {
    Object.assign(request, { _body: true })
  }
}

/** Null: too long; the rest is not read. */
async function boundedBytes(request: ExpressRequest): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let length = 0
    request.on("data", (chunk: Uint8Array) => {
      length += chunk.byteLength
      if (length <= MAX_BODY_BYTES) chunks.push(chunk)
      else {
        request.pause()
        resolve(null)
      }
    })
    request.on("end", () => resolve(joined(chunks, length)))
    const fail = (cause?: Error): void => reject(new CallRejectedError("malformed_call", cause))
    request.on("error", fail)
    request.on("close", fail)
  })
}
