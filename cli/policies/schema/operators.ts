/** operators.yaml: who manages Narrowgate. */
import { z } from "zod"
import { ROLES } from "../../../src/policy/bundle.ts"
import { name } from "./values.ts"

const operator = z.strictObject({ issuer: name, subject: z.string().min(1), roles: z.array(z.enum(ROLES)).min(1) })

export const operatorsFile = z.strictObject({ operators: z.array(operator) })
export type OperatorsFile = z.infer<typeof operatorsFile>
