/** What the API says of bundles and of explanations, as far as these pages read it. */
import * as z from "zod"
import { pointer } from "./decisions.ts"

const publication = pointer.extend({
  what: z.enum(["pointer", "candidate", "withdrawal"]),
  at: z.number(),
  by: z.string(),
  why: z.string(),
  done: z.boolean(),
})
export type Publication = z.infer<typeof publication>

export const bundles = z.looseObject({
  deciding: pointer,
  live: publication.nullable(),
  history: z.array(publication),
})
export type Bundles = z.infer<typeof bundles>
export const bundle = z.looseObject({ digest: z.string(), body: z.string() })

/** What is tried beside the live one; null where nothing is. History has the latest first. */
export function candidateOf({ history, deciding }: Bundles): Publication | null {
  const last = history.find(({ what, done }) => done && what !== "pointer")
  return last?.what === "candidate" && last.digest !== deciding.digest ? last : null
}
