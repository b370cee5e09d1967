import { describe, expect, test } from "vitest"
import { actionOf, nameOf, typeOf } from "../../../src/gateway/authzen/vocabulary.ts"
import type { QueryClient } from "../../../src/core/policy/definition/gateways.ts"

const CLIENT: QueryClient = {
  id: "wiki",
  key_sha256: [],
  types: { user: "Wiki::Person" },
  action_type: "Wiki::Action",
  // `edit` means another than the schema's own `edit`, which nobody can name.
  actions: { read: "view", edit: "change", look: "view" },
}

describe("an action", () => {
  test("is the one that the entry says, or the one of that name", () => {
    expect(["read", "delete", "constructor"].map((name) => actionOf(CLIENT, name).id)).toEqual([
      "view",
      "delete",
      "constructor",
    ])
  })

  test("is told by a name that leads to it, where there is one", () => {
    for (const id of ["view", "change", "delete", "constructor"]) {
      expect(actionOf(CLIENT, nameOf(CLIENT, id) ?? "").id).toBe(id)
    }
    expect(["edit", "read"].map((id) => nameOf(CLIENT, id))).toEqual([null, null])
  })
})

test("a type is the one that the entry says, or the one of that name, where there could be one", () => {
  expect(
    ["user", "Wiki::Person", "constructor", "", "a b", "a:b", "__proto__"].map((name) => typeOf(CLIENT, name)),
  ).toEqual(["Wiki::Person", "Wiki::Person", "constructor", null, null, null, "__proto__"])
})
