/** Calls of the services that the scenarios are about. */
import type { Call, Deed } from "../world.ts"

export const TICKETS: Call = { method: "GET", path: "/crm/tickets" }
export const ticket = (id: string): Call => ({ method: "GET", path: `/crm/tickets/${id}` })
export const customer = (id: string): Call => ({ method: "GET", path: `/crm/customers/${id}` })
export const reply = (id: string, text: string): Call => ({
  method: "POST",
  path: `/crm/tickets/${id}/replies`,
  body: { text },
})
export const mail = (to: string, text = "Hello."): Call => ({
  method: "POST",
  path: "/mail/messages",
  body: { to, text },
})
export const refund = (order: string, amount: number): Call => ({
  method: "POST",
  path: "/billing/refunds",
  body: { order, amount },
})
export const remember = (note: string, text: string): Call => ({
  method: "PUT",
  path: `/memory/${note}`,
  body: { text },
})
/** A message to the MCP server of the knowledge base. */
export const kb = (method: string, params: object = {}): Call => ({
  method: "POST",
  path: "/kb/mcp",
  headers: { accept: "application/json, text/event-stream" },
  body: { jsonrpc: "2.0", id: 1, method, params },
})

/** For `isReached`. */
export const isDone =
  (method: string, path: string) =>
  (deeds: readonly Deed[]): boolean =>
    deeds.some((deed) => deed.method === method && deed.path === path)
