/** links.yaml: rules made of templates, which are rules with `?principal` or `?resource` in their scope. */
import { z } from "zod"
import { entityUid } from "./values.ts"

const link = z.strictObject({
  /** Of the rule that it makes. */
  id: z.string().min(1),
  /** `@id` of the template. */
  template: z.string().min(1),
  principal: entityUid.optional(),
  resource: entityUid.optional(),
})

export const linksFile = z.strictObject({ links: z.array(link).default([]) })
export type LinksFile = z.infer<typeof linksFile>
