/**
 * The URLs of a bundle that the Worker requests: public keys of issuers, sinks, receivers. The Worker refuses to request
 * some URLs (`mayBeFetched`), so a bundle that contains one is rejected when it is published.
 */
import { mayBeFetched } from "../encoding/url.ts"
import type { BundleBody } from "./bundle.ts"
import { documentUrl } from "./definition/keys.ts"

/** Which destinations may be on the Worker's own machine: none; sinks and receivers; in the local stack issuers too. */
export const LOOPBACK_ACCESS = ["nothing", "sinks", "everything"] as const
export type LoopbackAccess = (typeof LOOPBACK_ACCESS)[number]

/** @param settings as in platform/config.ts */
export function loopbackAccess(settings: {
  readonly local: boolean
  readonly sendsToLoopback: boolean
}): LoopbackAccess {
  if (settings.local) return "everything"
  return settings.sendsToLoopback ? "sinks" : "nothing"
}

export interface Destination {
  readonly kind: "issuer" | "sink" | "receiver"
  readonly id: string
  readonly url: string
}

/** The destinations that the Worker never requests. URLs in an issuer's metadata or in a secret are not known here. */
export function refusedDestinations(
  { issuers, sinks, receivers }: Pick<BundleBody, "issuers" | "sinks" | "receivers">,
  access: LoopbackAccess,
): readonly Destination[] {
  const all: readonly Destination[] = [
    ...issuers.flatMap((issuer) => destination("issuer", issuer.id, documentUrl(issuer))),
    ...sinks.flatMap((sink) => destination("sink", sink.id, "url" in sink ? sink.url : null)),
    ...receivers.flatMap((receiver) => destination("receiver", receiver.id, "url" in receiver ? receiver.url : null)),
  ]
  return all.filter(({ kind, url }) => {
    const parsed = URL.parse(url)
    return !parsed || !mayBeFetched(parsed, access === "everything" || (access === "sinks" && kind !== "issuer"))
  })
}

const destination = (kind: Destination["kind"], id: string, url: string | null): readonly Destination[] =>
  url === null ? [] : [{ kind, id, url }]
