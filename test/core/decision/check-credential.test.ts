import { expect, test } from "vitest"
import { checkTaskAlive, checkToken } from "../../../src/core/decision/check-credential.ts"
import { ancestryOf } from "../../../src/core/task/state.ts"
import { assembled, newState, open, opened, START } from "../../harness/trees.ts"

test("a line of tasks that does not reach the root opens nothing", () => {
  const bundle = assembled()
  const state = newState()
  const root = opened(open(bundle, state, "first"))
  const line = ancestryOf(state, opened(open(bundle, state, "second", root)).task)
  expect(line).toHaveLength(2)
  expect(checkTaskAlive(state, line, START)).toBeNull()
  for (const cut of [line.slice(0, 1), []])
    expect(checkTaskAlive(state, cut, START)).toEqual({ reason: "task_unknown" })
})

test("a token is of the task that it was issued for, and of no other of its tree", () => {
  const bundle = assembled()
  const state = newState()
  const root = opened(open(bundle, state, "first"))
  const child = opened(open(bundle, state, "second", root))
  const shown = (task: string, token: string) => checkToken(state, { task, token, proof: null }, START)
  expect([shown(root.task, root.token), shown(child.task, child.token)]).toEqual([null, null])
  for (const [task, token] of [
    [root.task, child.token],
    [child.task, root.token],
    [child.task, "another"],
  ] as const)
    expect(shown(task, token)).toEqual({ reason: "token_unissued" })
})
