/**
 * Operators can manage only what a rule permits: the schema has to know the question, and some rule has to answer it.
 */
import type { EntityUidJson } from "@cedar-policy/cedar-wasm/nodejs"
import { checkParseSchema, isAuthorized } from "../source/official-engine.ts"
import type { Bundle } from "../../../src/core/policy/assemble.ts"
import { areaRef, AREAS } from "../../../src/core/policy/management.ts"
import { actionRef } from "../../../src/core/policy/principals.ts"
import { managingEntities, toCedar } from "../model/entities.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"

/** The question as the Worker asks it must fit the schema, or no rule about it could have been validated. */
export function checkManagement(policies: Policies): Problem[] {
  const { schema } = policies
  const entities = managingEntities(policies.operators.value, policies.issuers.value)
  const operator = entities.find(({ uid }) => uid.type === "Operator")
  // A schema with an error of its own is reported where rules are lowered.
  if (!operator || checkParseSchema(schema).type === "failure") return []
  const uid = (type: string, id: string): EntityUidJson => ({ type, id })
  const answer = isAuthorized({
    principal: { ...operator.uid },
    action: uid("Action", "manage"),
    resource: uid("Area", "tasks"),
    context: { method: "GET", kind: "task", target: "" },
    schema,
    validateRequest: true,
    policies: {},
    entities: entities.map(toCedar),
  })
  if (answer.type === "success") return []
  const what = answer.errors.map(({ message }) => message).join("; ")
  const message = `the schema does not fit the action \`manage\`, so operators could do nothing: ${what}`
  const fix = "Declare Operator, OperatorGroup, Area and manage as the documentation of schema.cedarschema shows."
  return [{ file: "schema.cedarschema", line: 1, column: 1, severity: "error", message, fix }]
}

/** @param bundle that the policies become */
export function checkManaged({ operators }: Policies, bundle: Bundle): Problem[] {
  const mayAny = AREAS.some((area) => bundle.engine.mayPermit(actionRef("manage"), areaRef(area), bundle.entities))
  if (mayAny || operators.value.operators.length === 0) return []
  const message = "no rule permits the action `manage`: these operators can do nothing"
  const fix =
    'Add a rule for each group of them, such as `@id("operators-manage") permit (principal in OperatorGroup::"operator", action == Action::"manage", resource);`'
  return [{ ...operators.warning(["operators"], message, fix), lint: "idle-operators" }]
}
