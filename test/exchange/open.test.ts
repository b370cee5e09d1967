import { expect, inject, test } from "vitest"
import type { BundleBody } from "../../src/policy/bundle.ts"
import { askedFor, assembled, newState, open, opened } from "../harness/trees.ts"

/** The yard with as many more tools, all alike. */
function withTools(count: number): BundleBody {
  const body = inject("yard")
  const tool = body.tools.find(({ name }) => name === "files.list")
  const known = body.entities.find(({ uid }) => uid.type === "Tool" && uid.id === "files.list")
  if (!tool || !known) throw new Error("the yard has changed")
  const names = Array.from({ length: count }, (_, at) => `many.tool-${at}`)
  const agents = body.agents.map((agent) => ({ ...agent, ceiling: { ...agent.ceiling, tools: ["*:read"] } }))
  return {
    ...body,
    agents,
    tools: [...body.tools, ...names.map((name) => ({ ...tool, name, server: "many" }))],
    entities: [...body.entities, ...names.map((id) => ({ ...known, uid: { type: "Tool", id } }))],
  }
}

const REFUSED = { reason: "details_malformed", what: "with its bounds for each tool the grant is too long" }

test("a grant that a row of the ledger's storage could not hold is refused: bounds count for each tool that they are about", () => {
  const bundle = assembled(withTools(300))
  const asking = (length: number) => ({
    asked: askedFor({ scopes: ["many.*:read"], bounds: { what: { eq: "€".repeat(length) } } }),
  })
  expect(open(bundle, newState(), "first", null, asking(1_300))).toEqual(REFUSED)
  // What the tasks above it are bound by counts again in each below.
  const state = newState()
  const root = opened(open(bundle, state, "first", null, asking(600)))
  expect(open(bundle, state, "second", root, asking(600))).toEqual(REFUSED)
})
