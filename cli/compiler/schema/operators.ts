/** operators.yaml: who manages Narrowgate. */
import { z } from "zod"
import { ROLES } from "../../../src/core/policy/definition/operators.ts"
import { name } from "./values.ts"

const operator = z.strictObject({
  issuer: name.describe("The `id` of an issuer with `operators`, in issuers.yaml."),
  subject: z.string().min(1).describe("The `sub` of the operator's access tokens."),
  roles: z
    .array(z.enum(ROLES))
    .min(1)
    .describe(
      "`viewer` reads tasks and decisions. `approver` may also decide on approvals of calls. `operator` may also end and revoke tasks.",
    ),
})

export const operatorsFile = z.strictObject({ operators: z.array(operator).describe("The operators.") })
export type OperatorsFile = z.infer<typeof operatorsFile>
