import { expect, test } from "vitest"
import { checkAlive } from "../../src/check/credential.ts"
import { lineOf } from "../../src/ledger/state.ts"
import { assembled, newState, open, opened, START } from "../harness/trees.ts"

test("a line of tasks that does not reach the root opens nothing", () => {
  const bundle = assembled()
  const state = newState()
  const root = opened(open(bundle, state, "first"))
  const line = lineOf(state, opened(open(bundle, state, "second", root)).task)
  expect(line).toHaveLength(2)
  expect(checkAlive(state, line, START)).toBeNull()
  for (const cut of [line.slice(0, 1), []]) expect(checkAlive(state, cut, START)).toEqual({ reason: "task_unknown" })
})
