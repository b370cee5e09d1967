/** `/v1/bundles`: what decides, what was published, and what was in it. */
import * as z from "zod"
import { PUBLISHINGS } from "../../core/policy/bundle.ts"
import { endpoint, once } from "./endpoint.ts"
import { members, moment, pointer } from "./members.ts"

/** All that is listed at once. */
export const MOST_LISTED = 1_000
const DEFAULT_LISTED = 20

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

/** Also what an answer with the code `outrun` says besides. */
export const publicationHead = once(() =>
  z.looseObject({
    seq: z.number().describe("The highest number so far; 0 if there is none."),
    live: publication().nullable().describe("What decides, as far as it was published through this API."),
  }),
)

/** As a publisher is told it. */
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

/** What is tried beside the live one; null if nothing is. History has the latest first. */
export function candidateOf({ history, deciding }: Bundles): Publication | null {
  const last = history.find(({ what, done }) => done && what !== "pointer")
  return last?.what === "candidate" && last.digest !== deciding.digest ? last : null
}

export const bundles = {
  publishBundle: endpoint({
    method: "POST",
    path: "/v1/bundles",
    summary: "Publishes a bundle, tries one as the candidate, or withdraws the candidate, as a signed statement says.",
    access: { by: "publisher", statement: "publication" },
    record: "management",
    body: { schema: once(() => members), maxBytes: 25 * 1024 * 1024, isOptional: true, isRaw: true },
    answer: publication,
    errors: ["outrun"],
    errorMembers: { outrun: publicationHead },
  }),
  listPublications: endpoint({
    method: "GET",
    path: "/v1/bundles",
    summary: "Lists what was published to a publisher, who need not be an operator.",
    access: { by: "publisher", statement: "history" },
    record: "management",
    answer: publicationHistory,
    errors: [],
  }),
  listBundles: endpoint({
    method: "GET",
    path: "/v1/bundles",
    summary: "Lists what was published, and says what decides.",
    access: { by: "operator", role: "viewer", area: "bundles", thing: { kind: "bundle" } },
    record: "management",
    query: once(() =>
      z.object({
        limit: z.coerce
          .number()
          .int()
          .min(1)
          .transform((limit) => Math.min(limit, MOST_LISTED))
          .catch(DEFAULT_LISTED),
      }),
    ),
    answer: publishedBundles,
    errors: [],
  }),
  showBundle: endpoint({
    method: "GET",
    path: "/v1/bundles/:digest",
    summary: "Shows a bundle.",
    access: { by: "operator", role: "viewer", area: "bundles", thing: { kind: "bundle", parameter: "digest" } },
    record: "management",
    answer: once(() =>
      z.looseObject({ digest: z.string(), body: z.string().describe("JSON, whose UTF-8 has the digest.") }),
    ),
    errors: ["not_found"],
  }),
} as const
