/** What the test build decides by: policies, keys and identities that come with it, none of which a release has. */
import { signPublication } from "../../cli/compiler/sign.ts"
import { publications } from "../../src/bundles/publications.ts"
import { verifyPublication } from "../../src/bundles/signed-publication.ts"
import { bodyKey } from "../../src/bundles/store.ts"
import { configOf } from "../../src/platform/config.ts"
import type { Setup } from "../kit/setup.ts"

/** The binding that only the test build reads. */
const BINDING = "NARROWGATE_TEST"

let received: Setup | undefined
let merged: Env | undefined
let publication: Promise<void> | undefined

/** Before any other request, if there is no such binding: the Worker is started while the policies are compiled. */
export function receiveSetup(setup: Setup): void {
  received ??= setup
}

export function setupIn(env: Env): Setup {
  const setup: Setup | null | undefined = received ?? Reflect.get(env, BINDING)
  if (!setup) throw new Error(`the test build needs the binding ${BINDING}`)
  return setup
}

/** The environment of the Worker. */
export function environment(env: Env): Env {
  if (merged) return merged
  const { issuer, publisher } = setupIn(env)
  const variables = { ISSUER: issuer, PUBLISHER_KEYS: JSON.stringify({ keys: [publisher.publicJwk] }) }
  return (merged = Object.assign({}, env, variables))
}

/** The same, once the policies are published. */
export async function publishedEnvironment(env: Env): Promise<Env> {
  await (publication ??= publish(env))
  return environment(env)
}

/** As the endpoint for publishers does. */
async function publish(bindings: Env): Promise<void> {
  const env = environment(bindings)
  const { bundle, digest, publisher, issuer: aud } = setupIn(bindings)
  const reason = { aud, by: "a test", why: "it starts with these policies" }
  const statement = await signPublication(publisher.privateJwk, { seq: 1, digest }, reason)
  await env.BUNDLES.put(bodyKey(digest), bundle)
  await publications(env).publish(await verifyPublication(statement, configOf(env), "pointer"))
}
