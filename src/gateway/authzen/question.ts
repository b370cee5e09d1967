/**
 * The requests (AuthZEN Authorization API 1.0, "Information Model" and the request of each API). Unknown members are
 * ignored, as the specification demands, so that a request of a later version can still be answered.
 */
import * as z from "zod"

/** Of a subject, an action, a resource or a context: they are combined anew for each candidate of a search. */
const MAX_MEMBERS = 256
const members = z.record(z.string(), z.unknown()).refine((given) => Object.keys(given).length <= MAX_MEMBERS, {
  error: `more than ${MAX_MEMBERS} members`,
})
const properties = members.default({})

const entity = z.object({ type: z.string(), id: z.string(), properties })
/** The entity that a search looks for; an `id` in it is ignored. */
const kind = z.object({ type: z.string(), properties })
const action = z.object({ name: z.string(), properties })
const context = members.default({})

export const evaluation = z.object({ subject: entity, action, resource: entity, context })
export type Evaluation = z.output<typeof evaluation>

const semantics = z.enum(["execute_all", "deny_on_first_deny", "permit_on_first_permit"])
export type Semantic = z.output<typeof semantics>

/**
 * With at least one evaluation. The members beside `evaluations` are the defaults of those that have none of their own.
 */
export const evaluations = z.object({
  // Checked against their schemas in the evaluations without a value of their own: a default that none uses has no
  // effect.
  subject: z.unknown().optional(),
  action: z.unknown().optional(),
  resource: z.unknown().optional(),
  context: z.unknown().optional(),
  evaluations: z.array(z.unknown()).nonempty(),
  options: z.object({ evaluations_semantic: semantics.default("execute_all") }).default({
    evaluations_semantic: "execute_all",
  }),
})
export type Evaluations = z.output<typeof evaluations>

const page = z.object({ token: z.string().optional(), limit: z.int().min(0).optional() }).default({})
export type Page = z.output<typeof page>

/** What is searched for has no id of its own; an `id` in the request is ignored. */
const sought = kind.transform((kind) => ({ ...kind, id: null }))

/** One row for each search, by what it looks for. */
export const SEARCHES = {
  subject: z.object({ subject: sought, action, resource: entity, context, page }),
  resource: z.object({ subject: entity, action, resource: sought, context, page }),
  action: z.object({
    subject: entity,
    action: z
      .unknown()
      .optional()
      .transform(() => null),
    resource: entity,
    context,
    page,
  }),
} as const
export type SearchedEntity = keyof typeof SEARCHES
export type Search = z.output<(typeof SEARCHES)[SearchedEntity]>

/** Describes the first fault of a request: where it is, and what it is. */
export function faultOf({ issues: [first] }: z.ZodError): string {
  if (!first) return "It is malformed."
  const where = first.path.length > 0 ? `\`${first.path.join(".").slice(0, 128)}\`` : "The question"
  return `${where}: ${first.message.toLowerCase()}.`
}
