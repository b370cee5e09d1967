/**
 * DEVELOPMENT ONLY: makes a policy directory fit the local stack. Each gateway and query client gets a development key,
 * and the origins that the policies name become the ones on which this stack really listens.
 */
import { createHash } from "node:crypto"
import type { BundleBody } from "../../src/core/policy/bundle.ts"

/** Where `narrowgate dev` listens by default, and so what `policies/` names. */
export const DEFAULT_PORT = 8787
export const WRITTEN_WORKER = `http://127.0.0.1:${DEFAULT_PORT}`
export const WRITTEN_PROVIDER = `http://127.0.0.1:${DEFAULT_PORT + 1}`

/** The key of a gateway, or of a query client, in the local stack; no other Worker ever accepts it. */
export function developmentKey(gateway: string): string {
  return `ngk_${gateway}_development`
}

/** Origin as a policy directory writes it → origin as it is in this stack. */
export type Origins = ReadonlyMap<string, string>

export function fitToStack(body: BundleBody, origins: Origins): BundleBody {
  const { issuers, gateways, queries, servers, routes, approvals, owners } = body
  const moved = moveOrigins({ issuers, gateways, servers, routes, approvals, owners }, origins)
  return { ...body, ...moved, gateways: moved.gateways.map(keyed), queries: queries.map(keyed) }
}

function keyed<Client extends { readonly id: string; readonly key_sha256: readonly string[] }>(client: Client): Client {
  const own = createHash("sha256").update(developmentKey(client.id)).digest("hex")
  return { ...client, key_sha256: [...client.key_sha256, own] }
}

/** In every string that is one of the origins, or begins with one and a slash. */
function moveOrigins<Part>(part: Part, origins: Origins): Part {
  const moved: Part = JSON.parse(JSON.stringify(part), (_name, value: unknown) => {
    if (typeof value !== "string") return value
    for (const [written, actual] of origins) {
      if (value === written || value.startsWith(`${written}/`)) return actual + value.slice(written.length)
    }
    return value
  })
  return moved
}
