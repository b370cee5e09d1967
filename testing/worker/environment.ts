/** What the test build decides by: policies, keys and identities that come with it, of which a release knows none. */
import { signPublication } from "../../cli/compiler/sign.ts"
import { publications } from "../../src/bundles/publications.ts"
import { verifyPublication } from "../../src/bundles/signed-publication.ts"
import { bodyKey } from "../../src/bundles/store.ts"
import { configOf } from "../../src/platform/config.ts"
import type { Setup } from "../kit/setup.ts"

/** The binding that only the test build reads. */
const BINDING = "NARROWGATE_TEST"

let found: { readonly env: Env } | undefined
let begun: Promise<void> | undefined

/**
 * The environment of the Worker. Its own URL is the one at which it is first called: the port is free until then.
 * @param origin of the request, if there is one
 */
export async function begin(env: Env, origin: string | null): Promise<Env> {
  const issuer = setupIn(env).issuer ?? origin
  if (issuer !== null) found ??= { env: Object.assign({}, env, { ISSUER: issuer }) }
  const own = environment(env)
  await (begun ??= publish(own))
  return own
}

export function environment(env: Env): Env {
  const { issuer } = setupIn(env)
  if (issuer !== undefined) found ??= { env: Object.assign({}, env, { ISSUER: issuer }) }
  if (!found) throw new Error("nothing has been requested of this Worker yet, so it has no URL")
  return found.env
}

export function setupIn(env: Env): Setup {
  const setup: Setup | undefined = Reflect.get(env, BINDING)
  if (!setup) throw new Error(`the test build needs the binding ${BINDING}`)
  return setup
}

/** As a publisher does, but for the way over HTTP. */
async function publish(env: Env): Promise<void> {
  const { bundle, digest, publisher } = setupIn(env)
  const reason = { aud: env.ISSUER, by: "a test", why: "it starts with these policies" }
  const statement = await signPublication(publisher, { seq: 1, digest }, reason)
  await env.BUNDLES.put(bodyKey(digest), bundle)
  await publications(env).publish(await verifyPublication(statement, configOf(env), "pointer"))
}
