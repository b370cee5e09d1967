/** `/v1/bundles`: what was published, by whom and why, and what was in it. */
import { bodyKey, withTimeout } from "../bundles/store.ts"
import { publications } from "../bundles/publications.ts"
import { MOST_LISTED } from "./contract/bundles.ts"
import type { Handler } from "./handler.ts"

/** `deciding`: what the isolate that answers decides by, which a publication reaches within a minute or two. */
export const listBundles: Handler<"listBundles"> = async ({ query: { limit }, bundle, context }) => {
  const object = publications(context.env)
  return { answer: { deciding: bundle.pointer, ...(await object.head()), history: await object.list(limit) } }
}

/** If what was published lets no operator in any more, somebody must be able to see what to go back to. */
export const listPublications: Handler<"listPublications"> = async ({ context }) => {
  const object = publications(context.env)
  return { answer: { ...(await object.head()), history: await object.list(MOST_LISTED) } }
}

/** The body as text: its UTF-8 has the digest. */
export const showBundle: Handler<"showBundle"> = async ({ parameters: { digest }, context }) => {
  const body = /^[0-9a-f]{64}$/.test(digest) ? await withTimeout(context.env.BUNDLES.get(bodyKey(digest))) : null
  if (body !== null) return { answer: { digest, body } }
  const denial = { reason: "not_found", what: digest.slice(0, 64) } as const
  return { error: "not_found", description: "There is no such bundle.", denial }
}
