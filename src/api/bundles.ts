/** `/v1/bundles`: which bundles were published, by whom and why, and their content. */
import { bodyKey, withTimeout } from "../bundles/store.ts"
import { publications } from "../bundles/publications.ts"
import { MOST_LISTED } from "./contract/bundles.ts"
import type { Handler } from "./handler.ts"

/**
 * `deciding` is the bundle by which the answering isolate decides; a publication reaches every isolate within a minute
 * or two.
 */
export const listBundles: Handler<"listBundles"> = async ({ query: { limit }, bundle, context }) => {
  const object = publications(context.env)
  return { answer: { deciding: bundle.pointer, ...(await object.head()), history: await object.list(limit) } }
}

/**
 * Publishers read the history without a bundle: if a published bundle locks out every operator, they must see to which
 * one to return.
 */
export const listPublications: Handler<"listPublications"> = async ({ context }) => {
  const object = publications(context.env)
  return { answer: { ...(await object.head()), history: await object.list(MOST_LISTED) } }
}

/** Returns the body as text; the digest is the SHA-256 of its UTF-8 bytes. */
export const showBundle: Handler<"showBundle"> = async ({ parameters: { digest }, context }) => {
  const body = /^[0-9a-f]{64}$/.test(digest) ? await withTimeout(context.env.BUNDLES.get(bodyKey(digest))) : null
  if (body !== null) return { answer: { digest, body } }
  const denial = { reason: "not_found", what: digest.slice(0, 64) } as const
  return { error: "not_found", description: "There is no such bundle.", denial }
}
