import { expect, test } from "vitest"
import { entityStore } from "../../../../src/core/policy/cedar/entities.ts"
import { keysWithin, readScope } from "../../../../src/core/policy/cedar/scope.ts"
import { entity } from "../../../../src/core/policy/cedar/values/value.ts"

const uid = { type: "User", id: "a" }
const group = { type: "Group", id: "g" }
const store = entityStore([{ uid, attrs: {}, parents: [group] }])
const a = entity("User", "a")
const other = entity("User", "b")

test.each([
  [{ op: "All" }, true, true],
  [{ op: "==", entity: uid }, true, false],
  [{ op: "==", entity: { __entity: uid } }, true, false],
  [{ op: "==", entity: group }, false, false],
  [{ op: "in", entity: group }, true, false],
  [{ op: "in", entity: uid }, true, false],
  [{ op: "in", entities: [{ type: "Group", id: "none" }, group] }, true, false],
  [{ op: "in", entities: [] }, false, false],
  [{ op: "is", entity_type: "User" }, true, true],
  [{ op: "is", entity_type: "Group" }, false, false],
  [{ op: "is", entity_type: "User", in: { entity: group } }, true, false],
  [{ op: "is", entity_type: "User", in: { entity: uid } }, true, false],
  [{ op: "is", entity_type: "Group", in: { entity: group } }, false, false],
])("%j", (scope, member, stranger) => {
  const keys = readScope(scope, "rule")
  const matches = (ref: typeof a) => keysWithin(ref, store).some((key) => keys.includes(key))
  expect(matches(a)).toBe(member)
  expect(matches(other)).toBe(stranger)
})
