/** Clients that register themselves. */
import { z } from "zod"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { RegistrationDefinition } from "../../src/core/policy/definition/registration.ts"
import { publish, yard } from "./bundles.ts"
import { knock } from "./door.ts"
import { forgetCaches } from "./isolate.ts"
import { US } from "./issuers.ts"

/** A class that may less than the purposes that it has: no writing, no executing. */
export const CLASS: RegistrationDefinition = {
  class: "mcp",
  owner: "yard",
  groups: ["workers"],
  ceiling: { tools: ["files.*:read"], max_sensitivity: "internal", arguments: {} },
  purposes: ["work", "errand"],
  life: 86_400,
  per_minute: 100,
  per_day: 1_000,
  most: 100,
}

export const withClass = async (changes: Partial<RegistrationDefinition> = {}): Promise<BundleBody> => ({
  ...(await yard()),
  registration: { ...CLASS, ...changes },
})

export async function publishClass(changes: Partial<RegistrationDefinition> = {}, seq = 2): Promise<void> {
  await publish(await withClass(changes), seq)
  forgetCaches()
}

const registered = z.looseObject({ client_id: z.string(), client_id_issued_at: z.number() })
const refused = z.object({ error: z.string(), error_description: z.string() })

export interface RegistrationAnswer {
  readonly status: number
  readonly headers: Headers
  readonly client: z.infer<typeof registered> | null
  readonly refused: z.infer<typeof refused> | null
}

export const METADATA = { client_name: "A program", redirect_uris: ["http://127.0.0.1:4000/callback"] } as const

export async function registerText(
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<RegistrationAnswer> {
  const all = { "Content-Type": "application/json", ...headers }
  const response = await knock(new Request(`${US}/oauth/register`, { method: "POST", headers: all, body }))
  const json: unknown = await response.json()
  const { status } = response
  const client = status === 201 ? registered.parse(json) : null
  return { status, headers: response.headers, client, refused: client ? null : refused.parse(json) }
}

export const register = async (
  changes: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<RegistrationAnswer> => registerText(JSON.stringify({ ...METADATA, ...changes }), headers)

/** The id of a client that has just registered. */
export async function newClient(changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { client, status, refused: why } = await register(changes)
  if (!client) throw new Error(`not registered: ${status} ${JSON.stringify(why)}`)
  return client.client_id
}
