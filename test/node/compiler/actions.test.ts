import { expect, test } from "vitest"
import { actionEntities } from "../../../cli/compiler/model/actions.ts"
import { lower } from "../../../cli/compiler/rules/lower.ts"
import { Work } from "../../../src/core/encoding/work.ts"
import { compileRules } from "../../../src/core/policy/cedar/engine.ts"
import { entityStore } from "../../../src/core/policy/cedar/entities.ts"
import { entity } from "../../../src/core/policy/cedar/values/value.ts"

const SCHEMA = `
entity Agent; entity Tool;
action calls;
action read, write in [calls] appliesTo { principal: Agent, resource: Tool, context: {} };
`
const RULES = `
@id("all") permit (principal, action, resource);
@id("no-calls") forbid (principal, action in Action::"calls", resource);
`

test("a forbid on a group of actions forbids each of them", () => {
  const { rules, problems } = lower([{ path: "rules.cedar", text: RULES }], SCHEMA)
  expect(problems).toEqual([])
  const entities = entityStore(actionEntities(SCHEMA))
  const engine = compileRules(rules)
  for (const action of ["read", "write"]) {
    const request = {
      principal: entity("Agent", "a"),
      action: entity("Action", action),
      resource: entity("Tool", "t"),
      context: new Map(),
      work: new Work(Infinity),
    }
    expect(engine.authorize(request, entities)).toMatchObject({ allowed: false, determining: ["no-calls"] })
  }
})
