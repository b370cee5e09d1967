/**
 * `/oauth/authorize` (RFC 6749 3.1): clients look for it in the metadata, and no response type is supported yet. Nobody
 * has a redirect URI registered here, so whatever the request names, it is answered where it was asked (RFC 6749
 * 4.1.2.1): a redirect would make this an open redirector.
 */
import type { Context } from "hono"
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { refusalRecord } from "../audit/exchange-record.ts"
import { newId } from "../ids.ts"
import { surroundingsOf } from "../surroundings.ts"
import { refusalResponse } from "./respond.ts"

const UNSUPPORTED = { reason: "response_type_unsupported" } as const

export function authorizationEndpoint(c: Context<{ Bindings: Env }>): Response {
  const { env, receivedAt, background } = surroundingsOf(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const id = newId("dec", receivedAt)
  recordAtEdge(env, refusalRecord(UNSUPPORTED, null, null, id, receivedAt, Date.now()), background)
  return refusalResponse(UNSUPPORTED, id)
}
