/** What a grant covers is told when a task is opened; the catalog, and what a gateway shows, may be others by then. */
import { expect, inject, test } from "vitest"
import type { Action } from "../../../src/core/catalog/tool.ts"
import { askedFor, assembled, callOf, newState, open, opened, reasonOf } from "../../harness/trees.ts"

test("a tool whose action is another by now is not granted", () => {
  const body = inject("yard")
  const bundle = assembled(body)
  const state = newState()
  const held = opened(open(bundle, state, "first"))
  expect(reasonOf(bundle, state, callOf(held, "files.read", { file: "a" }))).toBe("allowed")
  for (const action of ["write", "execute"] satisfies readonly Action[]) {
    const tools = body.tools.map((tool) => (tool.name === "files.read" ? { ...tool, action } : tool))
    const later = assembled({ ...body, tools })
    expect(reasonOf(later, state, callOf(held, "files.read", { file: "a" }))).toBe("tool_not_granted")
  }
})

test("a bound on an argument that the path shows does not hold where the body, which may say it again, is not seen", () => {
  const bundle = assembled()
  const state = newState()
  const asked = askedFor({ scopes: ["files.write:write"], bounds: { file: { eq: "a" } } })
  const held = opened(open(bundle, state, "first", null, { asked }))
  const write = (complete: boolean, file = "a"): string =>
    reasonOf(bundle, state, callOf(held, "files.write", {}, { arguments: { complete, values: { file } } }))
  expect([write(true), write(true, "b"), write(false)]).toEqual([
    "allowed",
    "argument_out_of_bounds",
    "arguments_unknown",
  ])
})
