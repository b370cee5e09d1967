import { expect, test } from "vitest"
import {
  isAlive,
  isBelow,
  isTaskId,
  mayContinue,
  newLedger,
  newTree,
  rootOf,
  whyEnded,
} from "../../../src/core/task/state.ts"
import { historyKeyOf } from "../../../src/core/guardrails/history-key.ts"
import type { Task } from "../../../src/core/task/task.ts"
import { freshProofs, POINTER } from "../../harness/trees.ts"

const ROOT = `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`

test.each([
  [`${ROOT}.1`, ROOT, true],
  [`${ROOT}.1.2`, ROOT, true],
  [`${ROOT}.1.2`, `${ROOT}.1`, true],
  [ROOT, ROOT, false],
  [ROOT, `${ROOT}.1`, false],
  [`${ROOT}.2`, `${ROOT}.1`, false],
  // The tenth is no child of the first.
  [`${ROOT}.10`, `${ROOT}.1`, false],
  [`${ROOT}.10.1`, `${ROOT}.1`, false],
])("%s is below %s: %s", (id, ancestor, below) => {
  expect(isBelow(id, ancestor)).toBe(below)
})

test.each([
  [ROOT, true],
  [`${ROOT}.1.999999`, true],
  [`${ROOT}${".1".repeat(16)}`, true],
  [`${ROOT}${".1".repeat(17)}`, false],
  [`${ROOT}.0`, false],
  [`${ROOT}.01`, false],
  [`${ROOT}.1000000`, false],
  [`${ROOT}.`, false],
  [`${ROOT}\n`, false],
  [ROOT.toLowerCase(), false],
  [ROOT.slice(0, -1), false],
  [` ${ROOT}`, false],
])("%j is a task's id: %s", (text, is) => {
  expect(isTaskId(text)).toBe(is)
  if (is) expect(rootOf(text)).toBe(ROOT)
})

const known = {
  id: ROOT,
  parent: null,
  agent: "",
  historyKey: historyKeyOf(""),
  purpose: "",
  isolated: false,
  audiences: [],
  scope: "",
  details: null,
  plan: null,
  jkt: null,
}
const counted = { openedAt: 0, lastCall: 0, calls: 0, children: 0, bytes: 0, progress: [], endedBy: null }
const grant = { tools: {}, calls: null, environments: null }
const TASK: Task = {
  ...known,
  ...counted,
  grant,
  idle: 500,
  expiresAt: 1000,
  limitedBy: "purpose_life",
  status: "active",
}

test.each([
  [999, 499, null],
  [999, 500, "idle"],
  [1000, 999, "expired"],
])("at %i of a life of 1000, %i since the last call: %j", (now, since, why) => {
  const task = { ...TASK, lastCall: now - since }
  expect(whyEnded(task, now)).toBe(why)
  expect(whyEnded({ ...task, status: "revoked" }, now)).toBe("revoked")
})

test("what is frozen may go on until its life is over, and nothing may of which the root is not known", () => {
  const state = newTree(newLedger(POINTER, 0, freshProofs()), ROOT, null, 0)
  const frozen: Task = { ...TASK, status: "quarantined", idle: null }
  expect(isAlive(state, [frozen], 999)).toBe(false)
  expect([999, 1000].map((now) => mayContinue(state, [frozen], now))).toEqual([true, false])
  const child = { ...TASK, id: `${ROOT}.1`, idle: null }
  for (const may of [isAlive, mayContinue]) {
    expect(may(state, [child, { ...TASK, idle: null }], 999)).toBe(true)
    for (const line of [[], [child]]) expect(may(state, line, 999)).toBe(false)
  }
})
