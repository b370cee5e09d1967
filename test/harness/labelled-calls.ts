/** Calls of the yard that labels are about: it forbids to send anything out once what is confidential was read. */
import type { OpenTask } from "./agents.ts"
import { callWith } from "./gateways.ts"

export const CONFIDENTIAL = "reads:confidential"
const MAIL = {
  method: "POST",
  body: JSON.stringify({ to: "a@example.org" }),
  headers: { "Content-Type": "application/json" },
}

/** Reads what is confidential. */
export const read = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/vault/1")).code
/** Sends something out. */
export const send = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/mail", MAIL)).code
