/**
 * Which registered gateway is asking. Its key stands in X-Narrowgate-Key, or, where the client's path is no part of the
 * URL, as the last path segment (`/authz/forward/<key>`). An envoy gateway's key is taken from the header only: its URL
 * ends in the client's path, and a zone that normalises `..` would let the client cut the key off.
 */
import { deny, type Denied } from "../core/denials/denial.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import { bundleOf } from "../bundles/store.ts"
import { hashOfKey } from "../credentials/api-key.ts"
import type { RequestContext } from "../request-context.ts"

export const KEY_HEADER = "x-narrowgate-key"
/** For what is no question about a call: a request with the other one is answered with a 2xx by `/authz/` only. */
export const FILTER_KEY_HEADER = "x-narrowgate-filter-key"

/** A registered gateway, and the hash of the key by which it is known: a newer bundle may have withdrawn that. */
export interface Identified {
  readonly gateway: GatewayDefinition
  readonly keyHash: string
}

/**
 * The key is looked up by its SHA-256, so that no comparison depends on how much of a guess was right.
 * @param gateways by the hash of each of their keys
 */
export function identifyGateway(
  key: string | null,
  gateways: ReadonlyMap<string, GatewayDefinition>,
): Identified | Denied {
  const keyHash = hashOfKey(key)
  const gateway = keyHash === null ? undefined : gateways.get(keyHash)
  return gateway && keyHash !== null ? { gateway, keyHash } : deny({ reason: "gateway_unknown" })
}

/** Made once for each gateway, not for each call. */
export function audienceOf(gateway: GatewayDefinition): ReadonlySet<string> {
  let audience = audienceOfGateway.get(gateway)
  if (!audience) audienceOfGateway.set(gateway, (audience = new Set([gateway.audience])))
  return audience
}
const audienceOfGateway = new WeakMap<GatewayDefinition, ReadonlySet<string>>()

/**
 * The bundle that a ledger has decided by, with the gateway that asks as that bundle knows it by the key that it
 * presented.
 */
export async function newerFor(
  { gateway: asking, keyHash }: Identified,
  newest: Pointer,
  { pointer: older }: Bundle,
  { env }: RequestContext,
): Promise<{ readonly bundle: Bundle; readonly gateway: GatewayDefinition } | Denied> {
  const bundle = newest.seq > older.seq ? await bundleOf(env.BUNDLES, newest) : null
  if (!bundle) return deny({ reason: "bundle_unavailable" })
  const gateway = bundle.gateways.get(keyHash)
  // What it presented was read in the dialect that it had.
  return gateway?.id === asking.id && gateway.dialect === asking.dialect
    ? { bundle, gateway }
    : deny({ reason: "gateway_unknown" })
}
