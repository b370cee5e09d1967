/**
 * DEVELOPMENT ONLY: makes a policy directory fit the local stack. Every gateway gets a development key, and the two
 * origins that the example policies name become the ones that this stack really listens on.
 */
import { createHash } from "node:crypto"
import type { BundleBody } from "../src/policy/bundle.ts"

/** Where `npm run dev` listens unless told otherwise, and so what `policies/` names. */
export const DEFAULT_PORT = 8787
const WRITTEN_WORKER = `http://127.0.0.1:${DEFAULT_PORT}`
const WRITTEN_PROVIDER = `http://127.0.0.1:${DEFAULT_PORT + 1}`

/** The key of a gateway in the local stack; no other Worker ever accepts it. */
export function developmentKey(gateway: string): string {
  return `ngk_${gateway}_development`
}

export interface Origins {
  readonly worker: string
  readonly provider: string
}

export function fitToStack(body: BundleBody, { worker, provider }: Origins): BundleBody {
  const issuers = JSON.stringify(body.issuers)
    .replaceAll(`"${WRITTEN_WORKER}"`, JSON.stringify(worker))
    .replaceAll(`"${WRITTEN_PROVIDER}"`, JSON.stringify(provider))
    .replaceAll(`"${WRITTEN_PROVIDER}/`, `"${provider}/`)
  const rewritten: BundleBody["issuers"] = JSON.parse(issuers)
  const gateways = body.gateways.map((gateway) => ({
    ...gateway,
    key_sha256: [...gateway.key_sha256, createHash("sha256").update(developmentKey(gateway.id)).digest("hex")],
  }))
  return { ...body, issuers: rewritten, gateways }
}
