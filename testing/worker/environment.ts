/** What the test build decides by: policies, keys and identities that come with it, of which a release knows none. */
import { signPublication } from "../../cli/compiler/sign.ts"
import { publications } from "../../src/bundles/publications.ts"
import { verifyPublication } from "../../src/bundles/signed-publication.ts"
import { bodyKey } from "../../src/bundles/store.ts"
import { configOf } from "../../src/platform/config.ts"
import type { Setup } from "../kit/setup.ts"

/** The binding that only the test build reads. */
const BINDING = "NARROWGATE_TEST"

let given: Setup | undefined
let found: Env | undefined
let begun: Promise<void> | undefined

/** Before any other request, if there is no such binding: the Worker is started while the policies are compiled. */
export function giveSetup(setup: Setup): void {
  given ??= setup
}

export function setupIn(env: Env): Setup {
  const setup: Setup | null | undefined = given ?? Reflect.get(env, BINDING)
  if (!setup) throw new Error(`the test build needs the binding ${BINDING}`)
  return setup
}

/** The environment of the Worker. */
export function environment(env: Env): Env {
  if (found) return found
  const { issuer, publisher } = setupIn(env)
  const variables = { ISSUER: issuer, PUBLISHER_KEYS: JSON.stringify({ keys: [publisher.publicJwk] }) }
  return (found = Object.assign({}, env, variables))
}

/** The same, once the policies are published. */
export async function begin(env: Env): Promise<Env> {
  await (begun ??= publish(env))
  return environment(env)
}

/** As a publisher does, but for the way over HTTP. */
async function publish(given: Env): Promise<void> {
  const env = environment(given)
  const { bundle, digest, publisher, issuer: aud } = setupIn(given)
  const reason = { aud, by: "a test", why: "it starts with these policies" }
  const statement = await signPublication(publisher.privateJwk, { seq: 1, digest }, reason)
  await env.BUNDLES.put(bodyKey(digest), bundle)
  await publications(env).publish(await verifyPublication(statement, configOf(env), "pointer"))
}
