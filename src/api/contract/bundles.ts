/** `/v1/bundles`: the deciding bundle, the published ones, and their content. */
import * as z from "zod"
import { PUBLISHINGS } from "../../core/policy/bundle.ts"
import { endpoint, once } from "./endpoint.ts"
import { members, moment, pointer } from "./members.ts"

/** The most publications of one answer. */
export const MOST_LISTED = 1_000
const DEFAULT_LISTED = 20
const MAX_BUNDLE_BYTES = 25 * 1_024 * 1_024

export const publication = once(() =>
  pointer().extend({
    what: z.enum(PUBLISHINGS),
    at: moment(),
    by: z.string(),
    why: z.string(),
    kid: z.string().describe("Of the publisher's key."),
    done: z.boolean().describe("False if it was cut off before it was stored."),
  }),
)
export type Publication = z.infer<ReturnType<typeof publication>>

/** An answer with the code `outrun` has these members, too. */
export const publicationHead = once(() =>
  z.looseObject({
    seq: z.number().describe("The highest number so far; 0 if there is none."),
    live: publication().nullable().describe("The active bundle, if it was published through this API."),
  }),
)

/** The answer to a publisher. */
export const publicationHistory = once(() =>
  publicationHead().extend({ history: z.array(publication()).describe("The latest first.") }),
)
export type PublicationHistory = z.infer<ReturnType<typeof publicationHistory>>

const publishedBundles = once(() =>
  publicationHistory().extend({
    deciding: pointer().describe(
      "What the isolate that answers decides by, which a publication reaches in a minute or two.",
    ),
  }),
)
export type Bundles = z.infer<ReturnType<typeof publishedBundles>>

/**
 * The candidate that is evaluated beside the live bundle; null if there is none. The history has the latest publication
 * first.
 */
export function candidateOf({ history, deciding }: Bundles): Publication | null {
  const last = history.find(({ what, done }) => done && what !== "pointer")
  return last?.what === "candidate" && last.digest !== deciding.digest ? last : null
}

const raw = once(() =>
  members.describe(
    "The bundle as it was built, whose bytes have the digest that was signed; absent if it is there already.",
  ),
)

export const bundles = {
  publishBundle: endpoint({
    method: "POST",
    path: "/v1/bundles",
    summary: "Publishes a bundle, tries one as the candidate, or withdraws the candidate, as a signed statement says.",
    access: { by: "publisher", statement: "publication" },
    record: "management",
    body: { schema: raw, maxBytes: MAX_BUNDLE_BYTES, isOptional: true, isRaw: true },
    answer: publication,
    errors: ["outrun"],
    errorMembers: { outrun: publicationHead },
  }),
  listPublications: endpoint({
    method: "GET",
    path: "/v1/bundles",
    summary: "Lists the publications, for a publisher who need not be an operator.",
    access: { by: "publisher", statement: "history" },
    record: "management",
    answer: publicationHistory,
    errors: [],
  }),
  listBundles: endpoint({
    method: "GET",
    path: "/v1/bundles",
    summary: "Lists the published bundles and shows which one is active.",
    access: { by: "operator", role: "viewer", area: "bundles" },
    record: "management",
    query: once(() =>
      z.object({
        limit: z.coerce
          .number()
          .transform((limit) =>
            Number.isSafeInteger(limit) && limit > 0 ? Math.min(limit, MOST_LISTED) : DEFAULT_LISTED,
          )
          .catch(DEFAULT_LISTED)
          .describe("How many are listed at most: 20 if absent or no positive integer, and 1000 if more."),
      }),
    ),
    answer: publishedBundles,
    errors: [],
  }),
  showBundle: endpoint({
    method: "GET",
    path: "/v1/bundles/:digest",
    summary: "Shows a bundle.",
    access: { by: "operator", role: "viewer", area: "bundles" },
    record: "management",
    answer: once(() =>
      z.looseObject({
        digest: z.string(),
        body: z.string().describe("As it was published: its UTF-8 has the digest."),
      }),
    ),
    errors: ["not_found"],
  }),
} as const
