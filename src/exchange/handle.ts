/** The door for agents: `POST /oauth/token`. Every outcome is recorded, issued or not. */
import type { Context } from "hono"
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { refusalRecord } from "../audit/exchange-record.ts"
import { bundleFor, surroundingsOf } from "../surroundings.ts"
import { newId } from "../ids.ts"
import { exchange, type ExchangeOutcome } from "./exchange.ts"
import { readParameters } from "./parameters.ts"
import { isRefused, refuse } from "./refusal.ts"
import { tokenResponse } from "./respond.ts"

export async function token(c: Context<{ Bindings: Env }>): Promise<Response> {
  // First of all: who makes their body trickle in must not be judged by what held when it began.
  const parameters = await readParameters(c.req.raw)
  const around = surroundingsOf(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const { env, receivedAt } = around
  const id = newId("dec", receivedAt)
  const bundle = await bundleFor(around)
  const outcome: ExchangeOutcome = bundle
    ? await exchange(c.req.raw, parameters, bundle, around, id)
    : { agent: null, result: refuse({ reason: "unavailable" }) }
  const { agent, result } = outcome
  if (isRefused(result)) {
    const record = refusalRecord(result.refused, agent, bundle?.pointer ?? null, id, receivedAt, Date.now())
    recordAtEdge(env, record, around.background)
  }
  return tokenResponse(outcome, id)
}
