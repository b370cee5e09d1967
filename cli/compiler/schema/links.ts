/** links.yaml: rules made of templates, which are rules with `?principal` or `?resource` in their scope. */
import { z } from "zod"
import { entityUid } from "./values.ts"

const link = z.strictObject({
  id: z.string().min(1).describe("The id of the rule that the link makes."),
  template: z.string().min(1).describe("The `@id` of the template."),
  principal: entityUid.optional().describe("The entity that stands for `?principal`."),
  resource: entityUid.optional().describe("The entity that stands for `?resource`."),
})

export const linksFile = z.strictObject({ links: z.array(link).default([]).describe("The links.") })
export type LinksFile = z.infer<typeof linksFile>
