/** `/v1/clients`: the clients that have registered themselves, and the end of a registration. */
import { MAX_TASK_LIFE } from "../core/policy/definition/agents.ts"
import { clientRegistry } from "../ledger/registration/client-registry.ts"
import { isOwnClient, registrationObject } from "../ledger/registration/registration.ts"
import { switchboard } from "../revocation/switchboard.ts"
import type { Handler } from "./handler.ts"

/** A task that was being opened when its client was revoked begins a moment later, and by the clock of its ledger. */
const CLOCKS_MS = 3_600_000

export const listClients: Handler<"listClients"> = async ({ query: { after = "", limit }, bundle, context }) => {
  const { registration } = bundle
  if (!registration) return { answer: { class: null, clients: [], more: false, total: 0 } }
  const { clients: listed, total } = await clientRegistry(context.env, registration.class).listed(after, limit + 1)
  const clients = listed.slice(0, limit).map(({ id, registration: { name, redirectUris, ...times }, usedAt }) => ({
    id,
    name,
    redirect_uris: redirectUris,
    registered_at: times.registeredAt,
    expires_at: times.expiresAt,
    last_token: usedAt,
  }))
  return { answer: { class: registration.class, clients, more: listed.length > limit, total } }
}

export const revokeClient: Handler<"revokeClient"> = async ({ parameters, bundle, caller, context, started }) => {
  const { agent: id } = parameters
  const { env, config } = context
  const { registration } = bundle
  const registry = registration && clientRegistry(env, registration.class)
  if (!registry || !isOwnClient(id, registration, config.issuer) || !(await registry.has(id))) {
    const denial = { reason: "not_found", what: id.slice(0, 2_048) } as const
    return { error: "not_found", description: "There is no such client, or no longer.", denial }
  }
  // No further token first; the switch then ends those that there are, and itself with the last task that they could be
  // of. Until the list forgets it, this can be repeated.
  await registrationObject(env, id).end()
  const set = { id: `swi_${crypto.randomUUID()}`, stopped: { kind: "agent", agent: id } as const, before: null }
  const setter = { decision: started.id, operator: caller.operator, reason: "registration revoked" }
  await switchboard(env).set(set, setter, Date.now() + MAX_TASK_LIFE * 1_000 + CLOCKS_MS)
  await registry.forget(id)
  return { answer: { id, revocation: set.id }, record: { chain: [id], arguments: { revocation: set.id } } }
}
