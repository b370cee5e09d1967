/** links.yaml: rules made of templates, which are rules with `?principal` or `?resource` in their scope. */
import { z } from "zod"
import { entityUid } from "./values.ts"

const link = z.strictObject({
  id: z.string().min(1).describe("Of the rule that it makes."),
  template: z.string().min(1).describe("`@id` of the template."),
  principal: entityUid.optional().describe("Stands for `?principal`."),
  resource: entityUid.optional().describe("Stands for `?resource`."),
})

export const linksFile = z.strictObject({ links: z.array(link).default([]) })
export type LinksFile = z.infer<typeof linksFile>
