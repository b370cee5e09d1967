/** The door for agents: `POST /oauth/token`. Every outcome is recorded, issued or not. */
import type { Context } from "hono"
import { ulid } from "ulid"
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { bundleFor, surroundingsOf } from "../surroundings.ts"
import { exchange, type ExchangeOutcome } from "./exchange.ts"
import { refuse } from "./refusal.ts"
import { exchangeRecord, tokenResponse } from "./respond.ts"

export async function token(c: Context<{ Bindings: Env }>): Promise<Response> {
  const around = surroundingsOf(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const { env, config, keys, receivedAt } = around
  const id = `dec_${ulid(receivedAt)}`
  const bundle = await bundleFor(around)
  const outcome: ExchangeOutcome = bundle
    ? await exchange(c.req.raw, env, bundle, keys, config, receivedAt)
    : { agent: null, result: refuse({ reason: "unavailable" }) }
  recordAtEdge(env, exchangeRecord(outcome, id, bundle?.pointer ?? null, receivedAt, Date.now()), around.background)
  return tokenResponse(outcome, id)
}
