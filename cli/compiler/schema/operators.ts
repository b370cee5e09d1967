/** operators.yaml: who manages Narrowgate. */
import { z } from "zod"
import { ROLES } from "../../../src/core/policy/definition/operators.ts"
import { name } from "./values.ts"

const operator = z.strictObject({
  issuer: name.describe("`id` of an issuer with `operators`."),
  subject: z.string().min(1).describe("The `sub` of their access tokens."),
  roles: z
    .array(z.enum(ROLES))
    .min(1)
    .describe(
      "`viewer` reads tasks and decisions, `approver` may also answer what is asked about a call, `operator` may also end and revoke.",
    ),
})

export const operatorsFile = z.strictObject({ operators: z.array(operator) })
export type OperatorsFile = z.infer<typeof operatorsFile>
