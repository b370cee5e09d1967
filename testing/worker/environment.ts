/** What the test build decides by: policies, keys and identities that come with it, of which a release knows none. */
import { signPublication } from "../../cli/compiler/sign.ts"
import type { Setup } from "../kit/setup.ts"

/** The binding that only the test build reads. */
interface TestEnv extends Env {
  readonly NARROWGATE_TEST: Setup
}

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
  const { NARROWGATE_TEST } = env as TestEnv
  return NARROWGATE_TEST
}

async function publish(env: Env): Promise<void> {
  const { bundle, digest, publisher } = setupIn(env)
  const reason = { aud: env.ISSUER, by: "a test", why: "it starts with these policies" }
  await env.BUNDLES.put(`body/${digest}`, bundle)
  await env.BUNDLES.put("pointer", await signPublication(publisher, { seq: 1, digest }, reason))
}
