/**
 * The authorization server that people use on Node, oidc-provider, in a process of its own, with its memory as its
 * store.
 */
import { join } from "node:path"
import type { JWK } from "jose"
import type { Lab } from "../lab.ts"
import { startProcess, waitFor, type ServerProcess } from "./process.ts"

export interface OidcProvider extends ServerProcess {
  readonly port: number
  /** Its own URL: `iss`, and audience of assertions. */
  readonly issuer: string
}

/** @param clients that authenticate by `private_key_jwt`, with the public key of each */
export async function startOidcProvider(
  lab: Lab,
  clients: Readonly<Record<string, JWK>>,
  resource: string,
): Promise<OidcProvider> {
  const server = startProcess({
    command: process.execPath,
    args: [join(import.meta.dirname, "../workers/oidc-provider.mjs")],
    environment: { CLIENTS: JSON.stringify(clients), RESOURCE: resource, NODE_ENV: "production" },
    directory: join(import.meta.dirname, "../.."),
  })
  lab.say("starting oidc-provider")
  const port = await waitFor(server, async () => {
    const [, found] = /listening on (\d+)/.exec(server.complaints()) ?? []
    return found === undefined ? null : Number(found)
  })
  return Object.assign(server, { port, issuer: `http://127.0.0.1:${port}` })
}
