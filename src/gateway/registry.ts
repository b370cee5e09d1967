/**
 * Which registered gateway makes a request. Its key stands in X-Narrowgate-Key, or, if the client's path is no part of
 * the URL, in the last path segment (`/authz/forward/<key>`). The key of an envoy gateway is taken from the header
 * only: its URL ends in the client's path, and a zone that normalises `..` would let the client cut the key off.
 */
import { deny, type Denied } from "../core/denials/denial.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import { bundleOf } from "../bundles/store.ts"
import { hashOfKey } from "../credentials/api-key.ts"
import type { RequestContext } from "../request-context.ts"

export const KEY_HEADER = "x-narrowgate-key"
/** For requests that are not about a call: `/authz/` alone answers a request with the other header by a 2xx. */
export const FILTER_KEY_HEADER = "x-narrowgate-filter-key"

/**
 * A registered gateway, and the hash of the key by which it is known, as a newer bundle may have withdrawn that key.
 */
export interface IdentifiedGateway {
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
): IdentifiedGateway | Denied {
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
 * The newer bundle by which a ledger has decided, with the gateway as that bundle registers the key that was presented.
 */
export async function newerFor(
  { gateway: previous, keyHash }: IdentifiedGateway,
  newest: Pointer,
  { pointer: older }: Bundle,
  { env }: RequestContext,
): Promise<{ readonly bundle: Bundle; readonly gateway: GatewayDefinition } | Denied> {
  const bundle = newest.seq > older.seq ? await bundleOf(env.BUNDLES, newest) : null
  if (!bundle) return deny({ reason: "bundle_unavailable" })
  const gateway = bundle.gateways.get(keyHash)
  // The request was read in the dialect that the gateway had then.
  return gateway?.id === previous.id && gateway.dialect === previous.dialect
    ? { bundle, gateway }
    : deny({ reason: "gateway_unknown" })
}
