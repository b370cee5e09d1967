/** The sources of this Worker's bundles: KV, and the object that stores the newest pointer. */
import { configOf } from "../platform/config.ts"
import type { BundleSource } from "./store.ts"
import { publications } from "./publications.ts"

export function bundleSource(env: Env): BundleSource {
  const keeper = publications(env)
  return {
    kv: env.BUNDLES,
    config: configOf(env),
    publications: { newest: async () => keeper.newest(), accept: async (jws) => keeper.accept(jws) },
  }
}
