/** Middleware for Hono. */
import type { Body } from "../src/core/catalog/call-request.ts"
import { isJsonType } from "../src/core/encoding/json.ts"
import { boundedBytes, bodyOf, MAX_BODY_BYTES, NO_BODY } from "./body.ts"
import { rememberCaller } from "./callers.ts"
import { rejectionAnswer } from "./errors.ts"
import { gatekeeper } from "./gatekeeper.ts"
import type { ServiceOptions } from "./service-options.ts"

/** What is used of Hono's context. */
export interface HonoContext {
  readonly req: { raw: Request; arrayBuffer(): Promise<ArrayBuffer> }
}

export type HonoHandler = (context: HonoContext, next: () => Promise<void>) => Promise<Response | undefined>

/**
 * Passes on allowed calls of the service's tools, and no other request; `callerOf(c)` returns the caller. The body can still
 * be read. What is to be public is registered before it.
 */
export function honoMiddleware(options: ServiceOptions): HonoHandler {
  const check = gatekeeper(options)
  return async (context, next) => {
    const { method, url, headers } = context.req.raw
    try {
      const caller = await check({
        method,
        target: url.slice(url.indexOf("/", url.indexOf("//") + 2)),
        header: (name) => headers.get(name),
        body: async () => readBody(context),
      })
      rememberCaller(context, caller)
    } catch (error) {
      const { status, headers: own, body } = rejectionAnswer(error)
      return Response.json(body, { status, headers: own })
    }
    await next()
    return undefined
  }
}

/** A body of another type has no arguments that Narrowgate reads, so it stays whole for the handler. */
async function readBody(context: HonoContext): Promise<Body | null> {
  const { headers, body } = context.req.raw
  const type = headers.get("Content-Type")
  if (body === null) return NO_BODY
  // A request from within the runtime, as over a service binding, can have a body and claim that there is none.
  const isAnnouncedEmpty = headers.get("Content-Length") === "0"
  if (type !== null && !isJsonType(type) && !isAnnouncedEmpty) return { kind: "withheld" }
  const bytes = await wholeBody(context)
  if (bytes === null) return null
  // Some servers have a stream for each request whose method may have a body.
  if (bytes.length === 0) return NO_BODY
  return isJsonType(type) ? bodyOf(bytes) : { kind: "withheld" }
}

/** What a middleware before this one has read, Hono keeps; what is read here is put back. */
async function wholeBody({ req }: HonoContext): Promise<Uint8Array | null> {
  const { raw } = req
  if (raw.bodyUsed) {
    const bytes = new Uint8Array(await req.arrayBuffer())
    return bytes.length > MAX_BODY_BYTES ? null : bytes
  }
  if (raw.body === null) return new Uint8Array()
  const bytes = await boundedBytes(raw.body, MAX_BODY_BYTES)
  if (bytes) req.raw = new Request(raw, { method: raw.method, body: bytes })
  return bytes
}
